"""Motion and editing as arousal: what moves, and how fast the cuts come.

After Hanjalic & Xu 2005 ("Affective video content representation and modeling", IEEE Trans. Multimedia 7):
arousal is a sum of a motion component and a shot-rate component, each normalized and smoothed. Theirs are
smoothed by a Kaiser window over a finished film; here each is a causal one-pole filter, because nothing may
look ahead. What the camera does as a whole, a turn or a pan, is taken out first: a player looks around all
the time, and what happens in the picture is what excites. Frames come 4 to 30 a second, unevenly, so every
constant is in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from sensor.picture import Luma

Profile = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MotionConfig:
    """Constants of the arousal that moving pictures add. Times in seconds."""

    energy: float = 0.04
    """Mean change of luma in 0.2 s, full scale 1, at which the component reaches 63 %."""
    rest: float = 0.3
    """Motion component of ordinary calm footage: it adds nothing; a still picture takes away."""
    motion_gain: float = 0.2
    """Arousal between motion component 0 and 1. Small: in games, walking moves more than fighting does."""
    cut_gain: float = 0.25
    """Arousal added when cuts come as fast as `shot_s` and faster."""
    shot_s: float = 1.0
    smooth_s: float = 0.7
    longest_gap_s: float = 1.0
    """Two pictures further apart than this say nothing about motion."""


class Motion:
    """The arousal that motion and cuts add, for one session. One caller at a time."""

    def __init__(self, config: MotionConfig | None = None) -> None:
        self.config = config or MotionConfig()
        self._last: tuple[float, Luma] | None = None
        self._energy: float | None = None
        self._cut_rate = 0.0

    def add(self, luma: Luma, t_s: float, cut: bool, jump: bool = False) -> float:
        """What to add to the arousal of the picture at `t_s`: 0 for the first, from -0.06 to about 0.4.

        `luma` is (h, w) in [0, 1]. A cut counts as a cut, not as motion; `jump` marks a picture that may be
        the other side of a cut, or a flash, and counts as neither. Time that stands still or runs backward,
        and pictures of another shape, begin anew.
        """
        config, last = self.config, self._last
        self._last = (t_s, luma)
        if last is None or luma.shape != last[1].shape or not 0 < t_s - last[0] <= config.longest_gap_s:
            return self.arousal
        step_s = t_s - last[0]
        keep = math.exp(-step_s / config.smooth_s)
        if not (cut or jump):
            # The distance of two pictures grows with time to the power 0.7 or so (between a steady pan, 1,
            # and jitter, 0.5), so this measure is about the same at 5 and at 25 frames a second.
            energy = _change(luma, last[1]) * (0.2 / step_s) ** 0.7
            self._energy = energy if self._energy is None else energy + keep * (self._energy - energy)
        # A one-pole filter of unit impulses: its mean is the number of cuts a second.
        slow = math.exp(-step_s / (4 * config.smooth_s))
        self._cut_rate = slow * self._cut_rate + (1.0 / (4 * config.smooth_s) if cut else 0.0)
        return self.arousal

    @property
    def arousal(self) -> float:
        """What the last pictures add to arousal."""
        config = self.config
        moving = 0.0
        if self._energy is not None:
            component = 1 - math.exp(-self._energy / config.energy)
            moving = config.motion_gain * (component - config.rest)
        return moving + config.cut_gain * min(1.0, self._cut_rate * config.shot_s)


def _change(a: Luma, b: Luma) -> float:
    """Mean absolute difference of two planes (h, w), shifted to fit best, by up to a quarter of a side.

    The shift is found per axis, on the means of columns and of rows: that is cheap and enough for a camera.
    """
    across = _shift(a.mean(0), b.mean(0))
    down = _shift(a.mean(1), b.mean(1))
    moved = np.abs(_overlap(a, down, across) - _overlap(b, -down, -across)).mean()
    return float(min(moved, np.abs(a - b).mean()))


def _shift(a: Profile, b: Profile) -> int:
    """The s for which a[i + s] is most like b[i], for the middle half of b; up to a quarter either way."""
    most = len(b) // 4
    middle = b[most : len(b) - most]
    candidates = sliding_window_view(a, len(middle))  # (2 most + 1, len(middle))
    return int(np.abs(candidates - middle).mean(1).argmin()) - most


def _overlap(plane: Luma, down: int, across: int) -> Luma:
    """The part of `plane` that is left when it is shifted against another of its size."""
    height, width = plane.shape
    return plane[max(0, down) : height + min(0, down), max(0, across) : width + min(0, across)]
