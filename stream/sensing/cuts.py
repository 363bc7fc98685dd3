"""Cuts from two witnesses, the picture and OBS, counted once each."""

from __future__ import annotations

from collections import deque

SAME_S = 0.8
"""Witnesses less apart than this saw the same cut: a screenshot comes up to a second late."""
MAX_KEPT = 32


class Cuts:
    """Every cut of a session. Not thread-safe."""

    def __init__(self) -> None:
        self.count = 0
        self.recent: deque[tuple[int, float]] = deque(maxlen=MAX_KEPT)
        """(number, session seconds); the oldest are forgotten."""
        self._told_s = float("-inf")

    def seen(self, t_s: float) -> bool:
        """The picture changed hard at `t_s`; False if we had been told of that cut."""
        if abs(t_s - self._told_s) < SAME_S:
            return False
        self._add(t_s)
        return True

    def told(self, t_s: float) -> bool:
        """Somebody who knows says there is a cut at `t_s`; False if it has been counted already."""
        before, self._told_s = self._told_s, t_s
        if t_s - before < SAME_S or (self.recent and t_s - self.recent[-1][1] < SAME_S):
            return False
        self._add(t_s)
        return True

    def _add(self, t_s: float) -> None:
        self.count += 1
        self.recent.append((self.count, t_s))
