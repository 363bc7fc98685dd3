"""Whose picture is read next, and how often: pure, so that fairness is a test."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

COST_SMOOTHING = 0.2
LONGEST_PERIOD_S = 0.8
"""However dear readings are. One a second is promised; the rest is for a picture that is not there yet, and
for the turns of others."""


@dataclass
class _Turn:
    due_s: float
    waiting: Callable[[], bool]
    cost_s: float = 0.0
    busy: bool = False


class SensingSchedule:
    """Deals turns to sessions: earliest due first, one at a time each, only when a new frame waits.

    Every session is read `readings_hz` times a second, or less often, all alike, when at that rate readings
    would take more than `duty` of the `threads`. Not thread-safe.

    Where not even one every `LONGEST_PERIOD_S` fits, whoever has waited longest is next.
    """

    def __init__(self, readings_hz: float, threads: int, duty: float) -> None:
        self.readings_hz = readings_hz
        self._threads = threads
        self._budget = threads * duty
        self._turns: dict[Hashable, _Turn] = {}

    def add(self, key: Hashable, waiting: Callable[[], bool], now_s: float) -> None:
        """`waiting` says whether a new frame is there."""
        self._turns[key] = _Turn(now_s, waiting)

    def remove(self, key: Hashable) -> None:
        self._turns.pop(key, None)

    @property
    def period_s(self) -> float:
        """Time between readings of one session."""
        cost_s = sum(turn.cost_s for turn in self._turns.values() if turn.waiting() or turn.busy)
        return max(1.0 / self.readings_hz, min(cost_s / self._budget, LONGEST_PERIOD_S))

    def carries(self, more: int) -> bool:
        """Whether `more` sessions like those there are could be read too, each every `LONGEST_PERIOD_S`.
        Those not read yet count like the others. True while nobody knows what a reading costs."""
        costs = [turn.cost_s for turn in self._turns.values() if turn.cost_s > 0.0]
        if not costs:
            return True
        each_s = sum(costs) / len(costs)
        return each_s * (len(self._turns) + more) <= self._threads * LONGEST_PERIOD_S

    def next_turn(self, now_s: float) -> Hashable | None:
        """The session to read now, marked busy until `done`; None if there is none."""
        ready = [
            (turn.due_s, key)
            for key, turn in self._turns.items()
            if not turn.busy and turn.due_s <= now_s and turn.waiting()
        ]
        if not ready:
            return None
        due_s, key = min(ready, key=lambda pair: pair[0])
        turn = self._turns[key]
        turn.busy = True
        # On the grid if we keep up with it; from now if we do not, so that nobody is owed a burst.
        turn.due_s = max(due_s + self.period_s, now_s + self.period_s / 2)
        return key

    def done(self, key: Hashable, cost_s: float) -> None:
        turn = self._turns.get(key)
        if turn is not None:
            turn.busy = False
            first = turn.cost_s == 0.0
            turn.cost_s += (cost_s - turn.cost_s) * (1.0 if first else COST_SMOOTHING)

    def wait_s(self, now_s: float, longest_s: float) -> float:
        """How long to wait before asking again, at most `longest_s`."""
        dues = [turn.due_s - now_s for turn in self._turns.values() if not turn.busy and turn.due_s > now_s]
        return min([longest_s, *dues])
