"""What the sensor says: one reading of a picture, and the smoothed estimate made from many."""

from __future__ import annotations

from typing import NamedTuple

Point = tuple[float, float]
"""(valence, arousal), both in [-1, 1]."""


class Reading(NamedTuple):
    """One look at the picture at `t_s`. Valence and arousal in [-1, 1], confidence in [0, 1]."""

    t_s: float
    valence: float
    arousal: float
    confidence: float
    cut: bool


class Affect(NamedTuple):
    """The smoothed estimate. Valence and arousal in [-1, 1], confidence in [0, 1]."""

    valence: float
    arousal: float
    confidence: float


def clip_unit(x: float) -> float:
    """`x` clipped to [-1, 1] (the paper's eq. 3). NaN becomes 0, so that nothing downstream sees one."""
    return max(-1.0, min(1.0, x)) if x == x else 0.0
