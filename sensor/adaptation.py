"""Slow adaptation to a session: one game looks much the same for hours, so absolute readings sit in a corner.

Minutes of readings tell where a session usually is and how widely it moves. Each axis is then stretched, on
either side of zero by itself, so that the usual range takes up the room: the part of the way from 0 that a
reading has come is replaced by the share of the session's normal distribution it has passed. The map is
increasing and fixes zero, so order and sign are kept: a picture read as more aroused stays more aroused, a
pleasant one stays pleasant. `off` changes nothing, `full` gives the whole stretch once a few minutes are
known, `half` goes half the way. In the first minute even `full` does little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sensor.errors import SensorError
from sensor.reading import Point, clip_unit

AdaptationMode = Literal["off", "half", "full"]
STRENGTH: dict[AdaptationMode, float] = {"off": 0.0, "half": 0.5, "full": 1.0}


@dataclass(frozen=True)
class AdaptationConfig:
    """How fast a session is learned and how far it is stretched. Times in seconds."""

    memory_s: float = 240.0
    """Time constant of the mean and spread."""
    trust_s: float = 90.0
    """Seconds of readings after which half of the stretch is given."""
    reach: Point = (0.8, 0.6)
    """Where the stretch ends, valence and arousal: two standard deviations of people's ratings (OASIS)."""
    least_sd: float = 0.04
    """A session that hardly moves is stretched as if it moved this much: noise is not music."""
    longest_gap_s: float = 1.0
    """A reading after a longer silence counts as this much time."""


class Adaptation:
    """The stretch of one session. One caller at a time."""

    def __init__(self, mode: AdaptationMode = "off", config: AdaptationConfig | None = None) -> None:
        """Raises `SensorError` when `mode` is not `off`, `half` or `full`."""
        if mode not in STRENGTH:
            raise SensorError(f"unknown adaptation {mode!r}: choose one of {', '.join(STRENGTH)}")
        self.config = config or AdaptationConfig()
        self._strength = STRENGTH[mode]
        self._axes = (_Axis(), _Axis())
        self._seen_s = 0.0
        self._last_s: float | None = None

    def learn(self, valence: float, arousal: float, t_s: float) -> None:
        """Count in a reading, weighted by the time since the one before. Not finite: ignored."""
        if not (math.isfinite(valence) and math.isfinite(arousal) and math.isfinite(t_s)):
            return
        step_s = 0.0 if self._last_s is None else t_s - self._last_s
        self._last_s = t_s
        if step_s <= 0:
            return
        step_s = min(step_s, self.config.longest_gap_s)
        self._seen_s += step_s
        # A plain mean until the memory is full, an exponential one from then on.
        part = step_s / min(self._seen_s, self.config.memory_s)
        for axis, value in zip(self._axes, (valence, arousal), strict=True):
            axis.learn(value, part)

    def stretch(self, valence: float, arousal: float) -> Point:
        """(valence, arousal) as this session should hear them, in [-1, 1]."""
        strength = self._strength * self._seen_s / (self._seen_s + self.config.trust_s)
        return (
            self._axes[0].stretch(valence, strength, self.config.reach[0], self.config.least_sd),
            self._axes[1].stretch(arousal, strength, self.config.reach[1], self.config.least_sd),
        )


class _Axis:
    """Running mean and variance of one axis."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._variance = 0.0

    def learn(self, value: float, part: float) -> None:
        delta = value - self._mean
        self._mean += part * delta
        self._variance = (1 - part) * (self._variance + part * delta * delta)

    def stretch(self, value: float, strength: float, reach: float, least_sd: float) -> float:
        # Half as wide again as measured, so that the tails of the session keep some room too.
        sd = 1.5 * max(math.sqrt(self._variance), least_sd)
        side = math.copysign(1.0, value)
        center = side * self._mean
        start, end = _normal(-center / sd), _normal((1 - center) / sd)
        if end - start < 1e-6:
            # The session lives far on the other side of zero: nothing is known about this one.
            return clip_unit(value)
        share = (_normal((abs(value) - center) / sd) - start) / (end - start)
        return clip_unit((1 - strength) * value + strength * side * reach * share)


def _normal(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2))
