"""The client against a composer that may be away, busy, another version, or gone in the middle of a piece."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import numpy.typing as npt
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from composer.played import Begun, Sounded
from composer.remote import served
from composer.remote.client import RemoteComposer, RemoteFactory
from composer.remote.credit import REMEMBERED_SAMPLES
from composer.remote.line import Line, NotNow, Remote, RemoteError, look
from composer.remote.served import Instrument
from composer.remote.server import ComposerServer
from tests.composer.contract.conftest import serving
from tests.composer.remote.test_served import Ramp

TOKEN = "sixteen-letters-"


def instrument() -> Instrument:
    return Instrument("Ramp", "symbolic", "free", Ramp.latency_samples, Ramp)


def at(server: ComposerServer, token: str = "", ahead: int | None = 480, patience_s: float = 0.0) -> Remote:
    return Remote(f"ws://127.0.0.1:{server.port}", token, ahead, patience_s)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@contextmanager
def nobody() -> Iterator[int]:
    """A port that nobody else takes and where nobody answers, while the block runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_who_is_there_can_be_asked_without_playing(stack: ExitStack) -> None:
    server = stack.enter_context(serving(instrument()))
    there = look(at(server))
    assert (there.name, there.engine, there.licence, there.latency_samples) == ("Ramp", "symbolic", "free", 3)


def test_the_token_is_wanted_and_told_apart(stack: ExitStack) -> None:
    server = stack.enter_context(serving(instrument(), token=TOKEN))
    assert look(at(server, TOKEN)).name == "Ramp"
    with pytest.raises(RemoteError, match="given none"):
        look(at(server))
    with pytest.raises(RemoteError, match="given another"):
        look(at(server, "another-sixteen-letters"))
    assert TOKEN not in repr(at(server, TOKEN))


def test_no_web_page_gets_in(stack: ExitStack) -> None:
    server = stack.enter_context(serving(instrument()))
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(at(server).url, origin=Origin("http://127.0.0.1:8080"), proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_one_piece_at_a_time_and_the_next_waits_for_its_end(stack: ExitStack) -> None:
    server = stack.enter_context(serving(instrument()))
    first, slept = RemoteComposer(at(server)), threading.Event()
    stack.callback(first.close)
    first.prime("slow piano", 1)
    impatient = RemoteComposer(at(server), sleep=lambda _: None)
    with pytest.raises(NotNow, match="somebody else"):
        impatient.prime("slow piano", 1)

    def sleep(seconds: float) -> None:
        slept.set()
        first.close()

    patient = RemoteComposer(at(server, patience_s=60.0), sleep=sleep)
    stack.callback(patient.close)
    patient.prime("slow piano", 1)
    assert slept.is_set() and patient.render(5)[4, 0] == 4


def test_patience_has_an_end() -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    with nobody() as port, pytest.raises(NotNow, match="cannot be reached"):
        RemoteComposer(
            Remote(f"ws://127.0.0.1:{port}", patience_s=10.0), clock=lambda: now, sleep=sleep
        ).prime("slow piano", 1)
    assert 10.0 < now < 14.0


def test_whoever_comes_back_is_found_again(stack: ExitStack) -> None:
    absent = ExitStack()
    port = absent.enter_context(nobody())

    def come_back(seconds: float) -> None:
        absent.close()
        stack.enter_context(serving(instrument(), port=port))

    remote = Remote(f"ws://127.0.0.1:{port}", ahead_samples=0, patience_s=60.0)
    composer = RemoteComposer(remote, sleep=come_back)
    composer.prime("slow piano", 1)
    assert composer.render(3)[2, 0] == 2
    composer.close()


def test_a_connection_that_is_lost_is_told_and_the_piece_goes_on_elsewhere(stack: ExitStack) -> None:
    first = stack.enter_context(serving(instrument()))
    composer = RemoteComposer(at(first))
    composer.prime("slow piano", 1)
    composer.render(1000)
    kept = composer.state()
    first.close()
    with pytest.raises(RemoteError, match="lost"):
        composer.render(100_000)
    second = stack.enter_context(serving(instrument()))
    successor = RemoteComposer(at(second))
    stack.callback(successor.close)
    successor.restore(kept, exact=False)
    assert np.array_equal(successor.render(2000)[:, 0], np.arange(1000, 3000))


def test_a_composer_that_fails_says_why(stack: ExitStack) -> None:
    class Broken(Ramp):
        def render(self, n_samples: int) -> npt.NDArray[np.float32]:
            raise ZeroDivisionError("scripted")

    broken = Instrument("Broken", "symbolic", "free", 0, Broken)
    server = stack.enter_context(serving(broken))
    composer = RemoteComposer(at(server))
    stack.callback(composer.close)
    composer.prime("slow piano", 1)
    with pytest.raises(RemoteError, match="ZeroDivisionError: scripted"):
        composer.render(480)


def test_another_version_is_told_apart(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    server = stack.enter_context(serving(instrument()))
    monkeypatch.setattr(served, "PROTOCOL", 99)
    with pytest.raises(RemoteError, match="same release"):
        look(at(server))


def test_when_the_way_becomes_longer_more_is_asked_for_and_not_a_sample_is_lost(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when it is short again, nothing is asked for until what is on its way is what is wanted."""
    round_trip_s = 0.010
    monkeypatch.setattr(Line, "round_trip_s", lambda line: round_trip_s)
    monkeypatch.setattr(Line, "last_round_trip_s", property(lambda line: round_trip_s))
    server = stack.enter_context(serving(instrument()))
    composer = RemoteComposer(at(server, ahead=None))
    stack.callback(composer.close)
    composer.prime("slow piano", 1)
    heard = [composer.render(480)]
    assert composer.latency_samples == 3 + 960 and composer._asked_for == 480 + 960
    round_trip_s = 0.100
    heard.append(composer.render(480))
    assert composer.latency_samples == 3 + 9600 and composer._asked_for == 960 + 9600
    round_trip_s = 0.010
    for _ in range(2):
        heard.append(composer.render(REMEMBERED_SAMPLES))
    heard.append(composer.render(480))
    assert composer.latency_samples == 3 + 960
    sound = np.concatenate(heard)[:, 0]
    assert np.array_equal(sound, np.arange(len(sound)))
    assert composer._asked_for == len(sound) - 480 + 9600


def test_credit_is_bounded_however_much_is_wanted(stack: ExitStack) -> None:
    server = stack.enter_context(serving(instrument()))
    composer = RemoteComposer(at(server, ahead=None))
    stack.callback(composer.close)
    composer.prime("slow piano", 1)
    assert np.array_equal(composer.render(150_000)[:, 0], np.arange(150_000))
    assert composer.latency_samples >= 3 + 480


def test_it_connects_when_the_piece_begins_and_not_before() -> None:
    factory = pickle.loads(pickle.dumps(RemoteFactory(Remote("ws://127.0.0.1:1"))))
    assert factory().now_playing() == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "ws://"])
def test_what_is_no_address_is_refused_without_patience(url: str) -> None:
    with pytest.raises(RemoteError, match="address"):
        RemoteComposer(Remote(url)).prime("slow piano", 1)


class Telling(Ramp):
    """A note on every hundredth sample, as soon as it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.noted = 0

    def take_notes(self) -> tuple[Begun | Sounded, ...]:
        told = [Sounded(at, "vibes@lead", 60, 0.5) for at in range(self.noted, self.at) if at % 100 == 0]
        self.noted = self.at
        return tuple(told)


def heard_at(notes: tuple[Begun | Sounded, ...]) -> list[int]:
    return [note.at_sample for note in notes]


def test_notes_come_with_the_sound_they_belong_to(stack: ExitStack) -> None:
    there = Instrument("Telling", "symbolic", "free", 0, Telling)
    server = stack.enter_context(serving(there))
    composer = RemoteComposer(at(server, ahead=960))
    stack.callback(composer.close)
    composer.prime("slow piano", 1)
    assert composer.take_notes() == ()
    composer.render(250)
    assert heard_at(composer.take_notes()) == [0, 100, 200]
    composer.render(60)
    assert heard_at(composer.take_notes()) == [300] and composer.take_notes() == ()
    # What is on its way goes with the state: a successor tells of it when it is handed out.
    state = composer.state()
    composer.close()
    successor = RemoteComposer(at(server, ahead=960, patience_s=5.0))
    stack.callback(successor.close)
    successor.restore(state)
    successor.render(200)
    assert heard_at(successor.take_notes()) == [400, 500]


def test_notes_that_are_none_end_it_with_a_sentence(stack: ExitStack) -> None:
    class Babbling(Telling):
        def take_notes(self) -> tuple[Begun | Sounded, ...]:
            return (Sounded(0, "vibes@lead", "C", 0.5),)  # type: ignore[arg-type]

    server = stack.enter_context(serving(Instrument("Babbling", "symbolic", "free", 0, Babbling)))
    composer = RemoteComposer(at(server))
    stack.callback(composer.close)
    composer.prime("slow piano", 1)
    with pytest.raises(RemoteError, match="told of notes: The values of a note"):
        composer.render(480)
