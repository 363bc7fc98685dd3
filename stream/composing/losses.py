"""How a composer stands, and how often it may be lost before nobody follows it."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MAX_LOSSES = 5
LOSSES_WITHIN_S = 60.0
BACKOFF_S = (0.0, 0.0, 0.5, 2.0, 4.0)
"""Wait before starting again after the first, second... loss within `LOSSES_WITHIN_S`."""


class ComposerStatus(NamedTuple):
    """`state` is starting, playing, restarting or failed; `error` is for people."""

    state: str
    restarts: int
    error: str


class Lost(Exception):
    """The process ended, hung or failed: the message says how."""


class Losses:
    """The last `MAX_LOSSES` of them. One thread."""

    def __init__(self) -> None:
        self._at_s: deque[float] = deque(maxlen=MAX_LOSSES)

    def note(self, now_s: float) -> int:
        """How many there were of late, with this one."""
        self._at_s.append(now_s)
        return sum(now_s - t < LOSSES_WITHIN_S for t in self._at_s)

    def forget(self) -> None:
        """Whoever comes next begins with a clean sheet."""
        self._at_s.clear()
