"""A composer's performance into its ring, and the listener's end of it, on one virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from stream.composing import worker
from stream.composing.link import ComposerLink
from stream.composing.messages import Begin, KeepsAhead
from stream.ports import Block
from stream.sound.playout import PLAYOUT_SAMPLES, Playout
from tests.stream.scripted import SineComposer

FLOOR = 6720
"""140 ms."""
TAKES_S = 0.004
"""What a block takes to make where nothing is late."""


class Stage:
    """Time passes where a block is made and where the worker naps; a block is played every 20 ms of it."""

    def __init__(self, link: ComposerLink, refill_samples: int) -> None:
        self.now_s = 0.0
        self.least = FLOOR
        """What the ring held at the least, ever since this was last set."""
        self.playout = Playout(link.ring, refill_samples)
        self._ring = link.ring
        self._played = 0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        while (self._played + 1) * PLAYOUT_SAMPLES / 48_000 <= self.now_s:
            self._played += 1
            self.playout.next_block()
            self.least = min(self.least, self._ring.available)

    def monotonic(self) -> float:
        return self.now_s

    perf_counter = monotonic


class LateComposer(SineComposer):
    """Takes as long as `lateness` says of the present time."""

    def __init__(self, stage: Stage, lateness: Callable[[float], float]) -> None:
        super().__init__()
        self._stage, self._lateness = stage, lateness

    def render(self, n_samples: int) -> Block:
        self._stage.sleep(self._lateness(self._stage.now_s))
        return super().render(n_samples)


class Reports:
    def __init__(self) -> None:
        self.kept: list[int] = []

    def send(self, report: object) -> None:
        if isinstance(report, KeepsAhead):
            self.kept.append(report.samples)

    def rendered(self, took_s: float) -> None:
        pass

    def steered(self, steer: object) -> None:
        pass


class Played:
    """What a performance of `seconds` came to."""

    def __init__(
        self, stage: Stage, performance: worker._Performance, link: ComposerLink, kept: list[int]
    ) -> None:
        self.stage, self.performance, self.link = stage, performance, link
        self.kept = kept
        """Whenever it changed."""
        self.most = 0
        """What the ring ever held."""

    @property
    def underruns(self) -> int:
        return self.stage.playout.underruns

    def play(self, until_s: float) -> None:
        while self.stage.now_s < until_s:
            self.performance.step()
            self.most = max(self.most, self.link.ring.available)
            assert self.performance.ahead_samples <= self.link.ring.capacity


@contextmanager
def played(
    monkeypatch: pytest.MonkeyPatch,
    lateness: Callable[[float], float],
    until_s: float,
    capacity: int = 2 * FLOOR,
) -> Iterator[Played]:
    link, reports = ComposerLink.create(capacity), Reports()
    try:
        stage = Stage(link, FLOOR * 7 // 8)
        monkeypatch.setattr(worker, "time", stage)
        begin = Begin(link.name, capacity, "any", 1, None, 0, float("inf"), FLOOR)
        performance = worker._Performance(LateComposer(stage, lateness), begin, reports)  # type: ignore[arg-type]
        try:
            heard = Played(stage, performance, link, reports.kept)
            heard.play(until_s)
            yield heard
        finally:
            performance.close()
    finally:
        link.close()


def stalls(every_s: float, late_s: float, until_s: float = float("inf")) -> Callable[[float], float]:
    """In time but for one block every `every_s`, which takes `late_s`."""
    due_s = every_s

    def takes(now_s: float) -> float:
        nonlocal due_s
        if now_s < due_s or now_s > until_s:
            return TAKES_S
        due_s += every_s
        return late_s

    return takes


def test_what_is_never_late_is_never_kept_further_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    with played(monkeypatch, lambda now_s: TAKES_S, 90.0) as music:
        assert not music.kept and music.underruns == 0 and music.most == FLOOR
        assert music.performance.ahead_samples == FLOOR


def test_blocks_are_made_several_at_a_time_and_the_ring_stays_more_than_half_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each waking finds the caches cold; each sample let go of is one fewer for a bad moment."""
    made_at: list[float] = []

    def takes(now_s: float) -> float:
        made_at.append(now_s)
        return TAKES_S

    with played(monkeypatch, takes, 5.0) as music:
        made_at.clear()
        music.stage.least = FLOOR
        music.play(15.0)
        waking = sum(after - before > 2 * TAKES_S for before, after in pairwise(made_at))
        assert len(made_at) == pytest.approx(1000, abs=10)
        assert waking <= 260
        assert music.stage.least > FLOOR // 2


def test_a_block_late_by_all_that_is_ahead_is_a_gap_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With as much kept whatever comes, it is one every time."""
    with played(monkeypatch, stalls(2.0, 0.14), 41.0, capacity=FLOOR) as music:
        assert music.underruns == 20 and not music.kept
    with played(monkeypatch, stalls(2.0, 0.14), 41.0) as music:
        assert music.underruns == 1 and music.kept == [2 * FLOOR]


def test_a_near_miss_is_warning_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    growing = stalls(2.0, 0.08, until_s=5.0)
    worse = stalls(2.0, 0.14)
    with played(monkeypatch, lambda now_s: max(growing(now_s), worse(now_s - 4.0)), 60.0) as music:
        assert music.underruns == 0 and len(music.kept) == 2 and music.kept == sorted(music.kept)


def test_as_late_again_and_again_it_stays_where_it_went(monkeypatch: pytest.MonkeyPatch) -> None:
    with played(monkeypatch, stalls(7.0, 0.14), 240.0) as music:
        assert music.kept == [2 * FLOOR] and music.underruns == 1


def test_when_calm_is_back_control_is_as_quick_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with played(monkeypatch, stalls(1.0, 0.14, until_s=3.0), 240.0) as music:
        assert music.kept[0] == 2 * FLOOR and music.kept[-1] == FLOOR
        assert music.kept == sorted(music.kept, reverse=True)
        assert music.underruns == 1


def test_a_composer_that_is_too_slow_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets no further ahead, whatever it may, so nothing would be gained by more."""
    with played(monkeypatch, lambda now_s: 0.0125, 60.0) as music:
        assert music.underruns > 10 and len(music.kept) == 1 and music.most <= FLOOR


def test_making_room_for_another_takes_no_longer_than_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with played(monkeypatch, lambda now_s: TAKES_S, 1.0) as music:
        music.performance.fade_out()
        assert music.link.ring.available <= FLOOR < music.link.ring.capacity
        music.stage.sleep(FLOOR / 48_000 + 0.02)
        assert music.stage.playout.state == "silent" and music.underruns == 0
