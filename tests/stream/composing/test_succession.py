"""One composer follows another, or cannot: whoever plays plays on until there is somebody to take over."""

from __future__ import annotations

import errno
import threading
import time
from typing import Any

import pytest

from stream.composing import host as composer_host
from stream.composing.messages import (
    Accent,
    Begin,
    Failed,
    Leave,
    Playing,
    Prime,
    Primed,
    Ready,
    Snapshot,
)
from stream.composing.offer import Terms
from stream.composing.succession import Succession
from tests.stream.composing.stand_in_worker import WAIT_S, Pool, StandInWorker, begun, eventually


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
