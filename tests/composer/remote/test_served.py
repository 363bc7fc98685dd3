"""The composer's end without a socket: order, credit, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

from composer.errors import ComposerError
from composer.remote.messages import (
    MAX_CREDIT_SAMPLES,
    MAX_STATE_BYTES,
    PROTOCOL,
    Accent,
    Error,
    GetPlaying,
    GetState,
    Hello,
    Message,
    Playing,
    Prime,
    Primed,
    Render,
    Restore,
    Restored,
    State,
    Steer,
    Told,
    Welcome,
)
from composer.remote.served import BLOCK_SAMPLES, Hangup, Instrument, Served


class Ramp:
    """Sample n is n + its loudness, so that every sample says where it comes from."""

    latency_samples = 3

    def __init__(self) -> None:
        self.at = 0
        self.told: list[object] = []
        self.closed = 0

    def prime(self, anchor: str, seed: int) -> None:
        if not anchor:
            raise ValueError("The anchor is empty.")
        self.told.append((anchor, seed))

    def steer(self, valence: float, arousal: float, at_sample: int) -> None:
        self.told.append((valence, arousal, at_sample))

    def accent(self, at_sample: int) -> None:
        self.told.append(at_sample)

    def render(self, n_samples: int) -> npt.NDArray[np.float32]:
        block = np.arange(self.at, self.at + n_samples, dtype=np.float32)
        self.at += n_samples
        return np.stack([block, -block], axis=1)

    def state(self) -> bytes:
        return self.at.to_bytes(8, "little")

    def restore(self, state: bytes, exact: bool = True) -> None:
        if len(state) != 8:
            raise ComposerError("This is no state.")
        self.at = int.from_bytes(state, "little")

    def now_playing(self) -> Mapping[str, str | float]:
        return {"style": "ramp"}

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def made() -> list[Ramp]:
    return []


@pytest.fixture
def served(made: list[Ramp]) -> Served:
    def begin() -> Ramp:
        made.append(Ramp())
        return made[-1]

    return Served(Instrument("Ramp", "symbolic", "free", 3, begin))


def hear(served: Served, *said: Message | bytes) -> list[Told | bytes]:
    return [answer for one in said for answer in served.hear(one)]


def greeted(served: Served) -> Served:
    assert hear(served, Hello(PROTOCOL)) == [Welcome(PROTOCOL, "Ramp", "symbolic", "free", 48_000, 2, 3)]
    assert hear(served, Prime("slow piano", 7)) == [Primed()]
    return served


def test_sound_is_made_as_far_as_credit_goes_and_no_further(served: Served, made: list[Ramp]) -> None:
    greeted(served)
    frames = hear(served, Render(1000))
    assert [len(frame) for frame in frames if isinstance(frame, bytes)] == [8 * 480, 8 * 480, 8 * 40]
    assert made[0].at == 1000
    assert hear(served, Render(1000), Render(3)) == []  # nothing new was asked for
    sound = np.frombuffer(b"".join(f for f in frames if isinstance(f, bytes)), "<f4").reshape(-1, 2)
    assert np.array_equal(sound[:, 0], np.arange(1000)) and np.array_equal(sound[:, 1], -sound[:, 0])


def test_what_is_made_leaves_before_the_rest_is_made(served: Served, made: list[Ramp]) -> None:
    answers = greeted(served).hear(Render(48_000))
    next(answers)
    assert made[0].at == BLOCK_SAMPLES


def test_everything_reaches_the_composer(served: Served, made: list[Ramp]) -> None:
    greeted(served)
    assert hear(served, Steer(0.5, -0.5, 9), Accent(11)) == []
    assert made[0].told == [("slow piano", 7), (0.5, -0.5, 9), 11]
    assert hear(served, GetPlaying()) == [Playing({"style": "ramp"})]
    assert hear(served, Prime("", 7)) == [Error("anchor", "The anchor is empty.")]
    assert hear(served, Prime("brass", 8)) == [Primed()] and len(made) == 1


def test_a_piece_goes_on_in_another_conversation(served: Served, made: list[Ramp]) -> None:
    greeted(served)
    hear(served, Render(500))
    announced, state = hear(served, GetState())
    assert isinstance(state, bytes) and announced == State(len(state))
    other = Served(Instrument("Ramp", "symbolic", "free", 3, Ramp))
    hear(other, Hello(PROTOCOL))
    assert hear(other, Restore(500, True, 8), state) == [Restored()]
    (frame,) = hear(other, Render(510))
    assert isinstance(frame, bytes) and np.frombuffer(frame, "<f4")[0] == 500
    assert hear(other, Restore(0, True, 3), b"bad") == [Error("state", "This is no state.")]


def test_another_version_is_refused(served: Served) -> None:
    answers = served.hear(Hello(PROTOCOL + 1))
    refused = next(answers)
    assert isinstance(refused, Error) and refused.kind == "version" and "same release" in refused.detail
    with pytest.raises(Hangup):
        next(answers)


@pytest.mark.parametrize(
    "said",
    [
        (Prime("x", 1),),  # no hello
        (Hello(PROTOCOL), Render(10)),
        (Hello(PROTOCOL), Steer(0.0, 0.0, 0)),
        (Hello(PROTOCOL), GetState()),
        (Hello(PROTOCOL), b"sound?"),
        (Hello(PROTOCOL), Primed()),
        (Hello(PROTOCOL), Prime("x", 1), Render(MAX_CREDIT_SAMPLES + 1)),
        (Hello(PROTOCOL), Restore(0, True, 4), b"123"),
        (Hello(PROTOCOL), Restore(0, True, 4), Render(1)),
        (Hello(PROTOCOL), Restore(0, True, MAX_STATE_BYTES + 1)),
        (Hello(PROTOCOL), Restore(0, True, -1)),
    ],
)
def test_what_is_out_of_turn_ends_the_conversation(served: Served, said: tuple[Message | bytes, ...]) -> None:
    answers: list[Told | bytes] = []

    def talk() -> None:
        for one in said:
            answers.extend(served.hear(one))

    *before, last = said
    hear(served, *before)
    talking = served.hear(last)
    refused = next(talking)
    assert isinstance(refused, Error) and refused.kind == "message" and refused.detail.endswith(".")
    with pytest.raises(Hangup):
        next(talking)


def test_closing_ends_the_piece_once(served: Served, made: list[Ramp]) -> None:
    greeted(served)
    served.close()
    served.close()
    assert made[0].closed == 1
