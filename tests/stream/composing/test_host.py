"""The host against a worker that is played by the test, in-process: no process, no waiting."""

from __future__ import annotations

import errno
import queue
import threading
import time
from typing import Any

import numpy as np
import pytest

from stream.composing import host as composer_host
from stream.composing.host import ComposerHost
from stream.composing.link import ComposerLink
from stream.composing.messages import (
    Accent,
    Applied,
    AppliedSteer,
    Begin,
    Failed,
    Leave,
    Notes,
    Playing,
    Prime,
    Primed,
    Ready,
    Rendered,
    Snapshot,
)
from stream.composing.offer import Terms
from stream.composing.succession import Succession
from stream.stages import REGISTRY

WAIT_S = 10.0
"""Only reached by a failing test."""


class StandInWorker:
    """In place of a process: alive until told otherwise."""

    pid = 4711

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self.ended = threading.Event()
        self._commands: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def wake_with(self, event: threading.Event) -> None:
        pass

    def tell(self, command: object) -> None:
        self._commands.put(command)

    def hear(self) -> Any:
        return None if self._reports.empty() else self._reports.get()

    def end(self, grace_s: float) -> None:
        self.exit_code = 0
        self.ended.set()

    # The test's side.

    def hears(self) -> Any:
        return self._commands.get(timeout=WAIT_S)

    def silent_for(self, seconds: float) -> bool:
        """Whether it is told nothing for so long."""
        try:
            self._commands.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def says(self, *reports: object) -> None:
        for report in reports:
            self._reports.put(report)


class Pool:
    def __init__(self) -> None:
        self.workers: list[StandInWorker] = []
        self._more = threading.Condition()

    def take(self) -> StandInWorker:
        with self._more:
            self.workers.append(StandInWorker())
            self._more.notify_all()
            return self.workers[-1]

    def nth(self, number: int) -> StandInWorker:
        with self._more:
            assert self._more.wait_for(lambda: len(self.workers) >= number, WAIT_S)
            return self.workers[number - 1]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(composer_host, "TICK_S", 0.005)
    monkeypatch.setattr(composer_host, "BACKOFF_S", (0.0,) * 5)
    link, pool = ComposerLink.create(4800), Pool()
    host = ComposerHost(
        pool,  # type: ignore[arg-type]
        link,
        "slow piano",
        7,
        time.monotonic,
        name="test",
        start_timeout_s=WAIT_S,
        hang_s=0.05,
        snapshot_s=1.0,
    )
    beating = threading.Event()
    beating.set()

    def beat() -> None:
        while not stop.wait(0.002):
            if beating.is_set():
                link.beat()

    stop = threading.Event()
    heart = threading.Thread(target=beat)
    heart.start()
    host.start()
    yield host, pool, beating
    host.close()
    stop.set()
    heart.join()
    link.close()


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.002)


def begun(worker: StandInWorker) -> Begin:
    worker.says(Ready())
    begin = worker.hears()
    assert isinstance(begin, Begin)
    worker.says(Playing())
    return begin


def test_a_piece_begins_and_commands_pass(stage: Any) -> None:
    host, pool, _ = stage
    worker = pool.nth(1)
    begin = begun(worker)
    assert (begin.anchor, begin.seed, begin.state, begin.position) == ("slow piano", 7, None, 0)
    eventually(lambda: host.status.state == "playing")
    host.accent()
    assert worker.hears() == Accent()
    host.set_anchor("bright strings")
    assert worker.hears() == Prime(1, "bright strings", 7)
    # Two more before the first is acknowledged: the newest wins.
    host.set_anchor("brass")
    host.set_anchor("choir")
    worker.says(Primed(1, ""))
    assert worker.hears() == Prime(3, "choir", 7)
    steer = AppliedSteer(480, 480, 1.0, 0.5, -0.5)
    worker.says(Applied((steer,), ()))
    eventually(lambda: list(host.steer_log) == [steer])
    host.close()
    assert worker.ended.is_set()


def test_notes_reach_whoever_asked(stage: Any) -> None:
    host, pool, _ = stage
    worker = pool.nth(1)
    begun(worker)
    heard: list[Notes] = []
    worker.says(Notes(1, ("nobody listens",)))
    host.on_notes = heard.append
    worker.says(Notes(1, ("beat", "note")))
    eventually(lambda: Notes(1, ("beat", "note")) in heard)


def test_a_lost_composer_is_gone_on_from_where_it_was(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    first.says(Snapshot(48_000, b"there"), Failed("RuntimeError: scripted"))
    second = pool.nth(2)
    begin = begun(second)
    assert (begin.anchor, begin.seed, begin.state, begin.position) == ("slow piano", 7, b"there", 48_000)
    eventually(lambda: host.status.state == "playing" and host.status.restarts == 1)
    # Lost again at once: perhaps it is the state that kills.
    second.says(Failed("RuntimeError: again"))
    assert begun(pool.nth(3)).state is None


def test_a_new_anchor_is_crossed_over_to_from_an_older_snapshot(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    first.says(Snapshot(960, b"old style"))
    host.set_anchor("brass")
    assert isinstance(first.hears(), Prime)
    first.exit_code = -9
    second = pool.nth(2)
    assert begun(second).state == b"old style"
    assert second.hears() == Prime(1, "brass", 7)


def test_a_hang_is_a_loss(stage: Any) -> None:
    host, pool, beating = stage
    begun(pool.nth(1))
    eventually(lambda: host.status.state == "playing")
    beating.clear()
    eventually(lambda: host.status.restarts == 1)
    assert "hung" in host.status.error
    assert pool.nth(1).ended.is_set()
    beating.set()
    begun(pool.nth(2))
    eventually(lambda: host.status.state == "playing")


def test_a_machine_that_slept_for_ten_seconds_has_not_lost_its_composer(stage: Any) -> None:
    host, pool, _ = stage
    begun(pool.nth(1))
    eventually(lambda: host.status.state == "playing")
    host._clock = lambda: time.monotonic() + 10.0
    asked = threading.Event()
    host.set_anchor("brass")  # answered by a supervisor that has seen the jump
    assert not asked.wait(0.03)
    assert pool.nth(1).hears() == Prime(1, "brass", 7)
    assert host.status.restarts == 0 and len(pool.workers) == 1


def test_too_many_losses_end_it_until_another_anchor_comes(stage: Any) -> None:
    host, pool, _ = stage
    for number in range(1, 6):
        pool.nth(number).exit_code = 3
    eventually(lambda: host.status.state == "failed")
    assert host.status.restarts == 5 and "3" in host.status.error
    assert len(pool.workers) == 5
    host.set_anchor("brass")
    assert begun(pool.nth(6)).anchor == "brass"
    eventually(lambda: host.status.state == "playing")


def test_steering_is_seen_by_whoever_plays(stage: Any) -> None:
    host, pool, _ = stage
    begin = begun(pool.nth(1))
    guest = ComposerLink.attach(begin.link, begin.capacity)
    host.steer(0.25, -0.75)
    assert guest.affect == (0.25, -0.75)
    guest.close()


def test_what_a_lost_composer_left_is_played_before_the_next_one_begins(stage: Any) -> None:
    """For as long as it sounds: whoever kept more ahead is waited for longer."""
    host, pool, _ = stage
    ring = host._link.ring
    ring.write(np.zeros((4800, 2), np.float32))
    first = pool.nth(1)
    now_s = time.monotonic()
    host._clock = lambda: now_s
    first.says(Ready())
    eventually(lambda: host._ready)
    now_s += 4800 / 48_000 + 0.09
    assert first.silent_for(0.05)
    now_s += 5.0
    assert isinstance(first.hears(), Begin), "nobody plays it: enough"
    first.exit_code = 1
    second = pool.nth(2)
    second.says(Ready())
    assert second.silent_for(0.05)
    ring.read(4800)
    assert isinstance(second.hears(), Begin)


def test_another_composer_is_made_ready_while_the_present_one_plays_on(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    eventually(lambda: host.status.state == "playing")
    first.says(Snapshot(960, b"of the first"))
    others = Pool()
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    second = others.nth(1)
    host.accent()
    assert first.hears() == Accent(), "it plays on"
    assert host.status.state == "playing" and not first.ended.is_set()
    second.says(Ready())
    assert first.hears() == Leave()
    first.exit_code = 0
    begin = second.hears()
    assert (begin.anchor, begin.seed, begin.state, begin.ring_samples) == ("slow piano", 7, None, 960)
    second.says(Playing())
    eventually(lambda: host.status == ("playing", 0, ""))
    assert first.ended.is_set() and len(pool.workers) == 1
    # Lost later, it is the new one's pool that gives the next.
    second.exit_code = 1
    begun(others.nth(2))


def test_whoever_was_not_wanted_in_the_end_never_plays(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    others, again = Pool(), Pool()
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    second = others.nth(1)
    host.change(Terms(again, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    third = again.nth(1)
    assert second.ended.wait(WAIT_S)
    third.says(Ready())
    assert first.hears() == Leave()
    first.exit_code = 0
    assert isinstance(third.hears(), Begin)


def test_whoever_is_wanted_back_plays_on_and_nobody_waits_beside(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    eventually(lambda: host.status.state == "playing")
    others = Pool()
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    second = others.nth(1)
    host.change(host._succession.present)
    assert second.ended.wait(WAIT_S)
    assert not first.ended.is_set() and len(pool.workers) == len(others.workers) == 1


def test_another_composer_takes_over_from_one_that_was_given_up(stage: Any) -> None:
    host, pool, _ = stage
    for number in range(1, 6):
        pool.nth(number).exit_code = 3
    eventually(lambda: host.status.state == "failed")
    others = Pool()
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    begun(others.nth(1))
    eventually(lambda: host.status.state == "playing")


class NoProcess(Pool):
    """Has one to give when there is `room`."""

    room = False

    def take(self) -> StandInWorker:
        if not self.room:
            raise OSError(errno.EAGAIN, "no process left")
        return super().take()


class Spoilt(Pool):
    """The first that is taken says `last_words`, if any, and ends."""

    def __init__(self, *last_words: object) -> None:
        super().__init__()
        self._last_words = last_words

    def take(self) -> StandInWorker:
        worker = super().take()
        if len(self.workers) == 1:
            worker.says(*self._last_words)
            worker.exit_code = 3
        return worker


@pytest.mark.parametrize(
    ("others", "start_timeout_s", "reason"),
    [
        (NoProcess(), WAIT_S, "no process left"),
        (Spoilt(Failed("WeightsError: none are here")), WAIT_S, "none are here"),
        (Spoilt(), WAIT_S, "code 3"),
        (Spoilt(Ready()), WAIT_S, "code 3"),
        (Pool(), 0.0, "not ready"),
    ],
)
def test_who_plays_plays_on_when_another_cannot_be_started(
    stage: Any, others: Pool, start_timeout_s: float, reason: str
) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    eventually(lambda: host.status.state == "playing")
    told = threading.Event()
    host.on_refusal = told.set
    other, home = Terms(others, start_timeout_s, WAIT_S, 960), host._succession.present  # type: ignore[arg-type]
    host.change(other)
    assert told.wait(WAIT_S)
    assert host.refusal.wanted is other and host.refusal.stays is home and reason in host.refusal.reason
    host.accent()
    assert first.hears() == Accent(), "it has been told nothing of it"
    assert host.status == ("playing", 0, "") and not first.ended.is_set() and len(pool.workers) == 1
    assert all(worker.ended.is_set() for worker in others.workers)
    # Chosen again, it is tried again.
    tried = len(others.workers)
    if isinstance(others, NoProcess):
        others.room = True
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    assert host.refusal is None
    others.nth(tried + 1).says(Ready())
    assert first.hears() == Leave()
    first.exit_code = 0
    assert isinstance(others.nth(tried + 1).hears(), Begin)


def test_whoever_is_wanted_while_another_is_refused_is_next() -> None:
    """The news of the other is old by then: nobody falls back."""

    class Late(Pool):
        def take(self) -> StandInWorker:
            succession.want(third)
            raise OSError("no process left")

    home, other, third = (Terms(each, WAIT_S, WAIT_S, 960) for each in (Pool(), Late(), Pool()))  # type: ignore[arg-type]
    succession = Succession(home, time.monotonic, threading.Event())
    succession.want(other)
    assert not succession.due() and succession.refusal is None
    assert not succession.due() and succession.changing
    third.pool.nth(1).says(Ready())  # type: ignore[attr-defined]
    assert succession.due() and succession.settle()


def test_a_style_chosen_meanwhile_is_played_by_the_present_one_and_by_the_next(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    others, home = Pool(), host._succession.present
    other = Terms(others, WAIT_S, WAIT_S, 960)  # type: ignore[arg-type]
    host.change(other)
    second = others.nth(1)
    host.set_anchor("brass")
    assert first.hears() == Prime(1, "brass", 7)
    first.says(Primed(1, ""))
    host.change(home)
    assert second.ended.wait(WAIT_S)
    host.change(other)
    third = others.nth(2)
    third.says(Ready())
    assert first.hears() == Leave(), "it knew the style already"
    first.exit_code = 0
    assert third.hears().anchor == "brass"


def test_whoever_is_wanted_back_when_it_leaves_goes_on_from_where_it_was(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composer_host, "LEAVE_S", WAIT_S)
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    eventually(lambda: host.status.state == "playing")
    first.says(Snapshot(960, b"there"))
    eventually(lambda: host._piece.snapshot is not None)
    others, home = Pool(), host._succession.present
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    others.nth(1).says(Ready())
    assert first.hears() == Leave()
    host.change(home)
    first.exit_code = 0
    eventually(lambda: host.status == ("starting", 0, ""))
    again = pool.nth(2)
    begin = begun(again)
    assert (begin.anchor, begin.state, begin.position) == ("slow piano", b"there", 960)
    eventually(lambda: host.status == ("playing", 0, ""))
    assert len(others.workers) == 1 and others.nth(1).ended.is_set()


def test_another_is_not_kept_waiting_by_one_that_is_not_ready(stage: Any) -> None:
    host, pool, _ = stage
    slow = pool.nth(1)
    others = Pool()
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    second = others.nth(1)
    assert slow.ended.wait(WAIT_S)
    begun(second)
    eventually(lambda: host.status == ("playing", 0, ""))


def test_another_is_not_kept_waiting_for_the_next_try_of_one_that_was_lost(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composer_host, "BACKOFF_S", (3 * WAIT_S,) * 5)
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    first.says(Snapshot(960, b"of the first"))
    others, home = Pool(), host._succession.present
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    others.nth(1).says(Ready())
    assert first.hears() == Leave()
    first.exit_code = 0
    assert isinstance(others.nth(1).hears(), Begin)
    others.nth(1).exit_code = 1
    eventually(lambda: host.status.state == "restarting")
    host.change(home)
    assert begun(pool.nth(2)).state is None, "the other one has begun another piece"
    eventually(lambda: host.status == ("playing", 1, ""))


def test_whoever_is_wanted_a_moment_too_late_is_next() -> None:
    """Between the two it is forgotten what is nothing to another composer, or it is not."""
    pool, others = Pool(), Pool()
    home, other = (Terms(each, WAIT_S, WAIT_S, 960) for each in (pool, others))  # type: ignore[arg-type]
    succession = Succession(home, time.monotonic, threading.Event())
    assert not succession.settle()
    succession.want(other)
    assert succession.take()[0] is pool.nth(1) and succession.changing  # type: ignore[comparison-overlap]
    assert succession.settle()
    assert succession.take()[0] is others.nth(1)  # type: ignore[comparison-overlap]


def test_closing_ends_whoever_was_to_follow(stage: Any) -> None:
    host, pool, _ = stage
    begun(pool.nth(1))
    others = Pool()
    host.change(Terms(others, WAIT_S, WAIT_S, 960))  # type: ignore[arg-type]
    second = others.nth(1)
    host.close()
    assert second.ended.is_set() and pool.nth(1).ended.is_set()


def _composed() -> tuple[float, float, float]:
    """Blocks, how many of them within 5 ms, and seconds: what `/metrics` says of composing."""
    stage = {"stage": "compose"}
    return (
        REGISTRY.get_sample_value("narrascore_stage_seconds_count", stage) or 0.0,
        REGISTRY.get_sample_value("narrascore_stage_seconds_bucket", {**stage, "le": "0.005"}) or 0.0,
        REGISTRY.get_sample_value("narrascore_stage_seconds_sum", stage) or 0.0,
    )


def test_what_blocks_took_to_compose_is_counted(stage: Any) -> None:
    _, pool, _ = stage
    worker = pool.nth(1)
    begun(worker)
    blocks, quick, seconds = _composed()
    worker.says(Rendered((0.003, 0.004, 0.012)))
    eventually(lambda: _composed()[0] == blocks + 3)
    assert _composed()[1] == quick + 2
    assert _composed()[2] == pytest.approx(seconds + 0.019)
