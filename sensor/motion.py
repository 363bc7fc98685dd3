"""Motion and editing as arousal: what moves, and how fast the cuts come.

After Hanjalic & Xu 2005 ("Affective video content representation and modeling", IEEE Trans. Multimedia 7):
arousal is a sum of a motion component and a shot-rate component, each normalized and smoothed. Theirs are
smoothed by a Kaiser window over a finished film; here each is a causal one-pole filter, because nothing may
look ahead. Of the motion two things are told apart. What the camera does as a whole, a turn or a pan, is
taken out first: a player looks around all the time, and what happens in the picture is what excites. What is
left is counted once over the whole picture, and once at the few places where it is largest and no small shift
explains it: there something flashes, bursts or leaps. Both are measured against what has been usual for the
last quarter of a minute: a player who walks all day is not excited all day, and one who stands still to aim
is not at rest. Frames come 4 to 30 a second, unevenly, so every constant is in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from sensor.picture import Luma

Profile = npt.NDArray[np.float32]
BLOCK = 4
"""Side of the blocks whose motion is looked at by itself, in pixels of the luma plane..."""
REACH = 1
"""...how far one may have moved on its own and still be the same thing..."""
PLACES = 3
"""...and how many of them make an event."""


class Change(NamedTuple):
    """How much two pictures differ, full scale 1: on the average, and at the few places where it is most."""

    whole: float
    local: float


@dataclass(frozen=True)
class MotionConfig:
    """Constants of the arousal that moving pictures add. Times in seconds."""

    whole: float = 0.04
    """Mean change of luma in 0.2 s at which the component of the whole picture reaches 63 %."""
    local: float = 0.15
    """The same for the component of places, whatever the time between."""
    whole_gain: float = 0.1
    """Arousal between component 0 and 1."""
    local_gain: float = 0.2
    rest: float = 0.3
    """Either component of ordinary calm footage, expected when a session begins..."""
    rest_s: float = 4.0
    """...as if it had been seen for this long."""
    usual_s: float = 15.0
    """Time constant of what is usual."""
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
        self._parts = (
            _Component(self.config.whole, self.config),
            _Component(self.config.local, self.config),
        )
        self._cut_rate = 0.0

    def add(self, luma: Luma, t_s: float, cut: bool, jump: bool = False) -> float:
        """What to add to the arousal of the picture at `t_s`: 0 for the first, -0.3 to 0.55 later.

        `luma` is (h, w) in [0, 1]. A cut counts as a cut, not as motion; `jump` marks a picture that may be
        the other side of a cut, or a flash, and counts as neither. Time that stands still or runs backward,
        and pictures of another shape, begin anew.
        """
        config, last = self.config, self._last
        self._last = (t_s, luma)
        if last is None or luma.shape != last[1].shape or not 0 < t_s - last[0] <= config.longest_gap_s:
            return self.arousal
        step_s = t_s - last[0]
        if not (cut or jump):
            change = change_of(luma, last[1])
            # The distance of two pictures grows with time to the power 0.7 or so (between a steady pan, 1,
            # and jitter, 0.5), so this measure is about the same at 5 and at 25 frames a second.
            self._parts[0].add(change.whole * (0.2 / step_s) ** 0.7, step_s)
            self._parts[1].add(change.local, step_s)
        # A one-pole filter of unit impulses: its mean is the number of cuts a second.
        slow = math.exp(-step_s / (4 * config.smooth_s))
        self._cut_rate = slow * self._cut_rate + (1.0 / (4 * config.smooth_s) if cut else 0.0)
        return self.arousal

    @property
    def arousal(self) -> float:
        """What the last pictures add to arousal."""
        config, (whole, local) = self.config, self._parts
        moving = config.whole_gain * whole.unusual + config.local_gain * local.unusual
        return moving + config.cut_gain * min(1.0, self._cut_rate * config.shot_s)


class _Component:
    """A measure of motion, smoothed, brought between 0 and 1, and compared with what is usual."""

    def __init__(self, scale: float, config: MotionConfig) -> None:
        self._scale = scale
        self._config = config
        self._smooth: float | None = None
        self._usual = config.rest
        self._seen_s = config.rest_s

    def add(self, measured: float, step_s: float) -> None:
        """Take in what was measured over the last `step_s`."""
        config, smooth = self._config, self._smooth
        keep = math.exp(-step_s / config.smooth_s)
        self._smooth = measured if smooth is None else measured + keep * (smooth - measured)
        # A plain mean until the memory is full, an exponential one from then on.
        self._seen_s = min(self._seen_s + step_s, config.usual_s)
        self._usual += step_s / self._seen_s * (self._level(self._smooth) - self._usual)

    @property
    def unusual(self) -> float:
        """How much more there is than usual, -1 to 1; 0 as long as nothing was measured."""
        return 0.0 if self._smooth is None else self._level(self._smooth) - self._usual

    def _level(self, smooth: float) -> float:
        return 1 - math.exp(-smooth / self._scale)


def change_of(a: Luma, b: Luma) -> Change:
    """The difference of two planes (h, w), one shifted to fit best, by up to a quarter of a side.

    The shift is found per axis, on the means of columns and of rows: that is cheap and enough for a camera.
    """
    across = _shift(a.mean(0), b.mean(0))
    down = _shift(a.mean(1), b.mean(1))
    here, there = _overlap(a, down, across), _overlap(b, -down, -across)
    moved = float(np.abs(here - there).mean())
    return Change(min(moved, float(np.abs(a - b).mean())), _bursts(here, there))


def _bursts(a: Luma, b: Luma) -> float:
    """The mean difference of the `PLACES` blocks of `a` that are least like any place near them in `b`."""
    height, width = ((side - 2 * REACH) // BLOCK * BLOCK for side in a.shape)
    if height <= 0 or width <= 0:
        return 0.0
    middle = a[REACH : REACH + height, REACH : REACH + width]
    around = sliding_window_view(b[: height + 2 * REACH, : width + 2 * REACH], (height, width))
    unlike = np.abs(around - middle).reshape(-1, height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((2, 4))
    return float(np.sort(unlike.min(0), axis=None)[-PLACES:].mean())


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
