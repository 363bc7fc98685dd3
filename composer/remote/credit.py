"""How far beyond what was handed out sound is asked for: what is on its way from a composer elsewhere.

Less than the way there and back, and sound cannot come as fast as it is played, however fast it is made. More
costs control: what was asked for cannot be changed any more.
"""

from __future__ import annotations

import math

from composer.score import SAMPLE_RATE_HZ

STEP_SAMPLES = 480
MAX_AHEAD_SAMPLES = 19_200
REMEMBERED_SAMPLES = 30 * SAMPLE_RATE_HZ


def ahead_for(round_trip_s: float) -> int:
    """Samples to ask for in advance: twice the round trip, in steps of 10 ms, from 10 to 400 ms."""
    steps = math.ceil(2.0 * round_trip_s * SAMPLE_RATE_HZ / STEP_SAMPLES)
    return min(max(steps, 1) * STEP_SAMPLES, MAX_AHEAD_SAMPLES)


class Credit:
    """As much as the longest round trip of the last half minute, or whole minute, asks for."""

    def __init__(self, round_trip_s: float) -> None:
        self.samples = ahead_for(round_trip_s)
        self._before = self._since = self.samples
        self._handed_out = 0

    def note(self, round_trip_s: float, handed_out: int) -> None:
        """Another `handed_out` samples were, and the last round trip took so long."""
        self._since = max(self._since, ahead_for(round_trip_s))
        self.samples = max(self._before, self._since)
        self._handed_out += handed_out
        if self._handed_out >= REMEMBERED_SAMPLES:
            self._before, self._since, self._handed_out = self._since, 0, 0
