"""Two readings of one picture become one: the slow one says where, the fast one says how it moves.

A complementary filter. The slow reading (a model that follows the story, once a second and a while late) is
trusted for level, the fast one (eight times a second) for change. What the slow one adds is an offset,
learned at the moment of the frame that both have read, however late the answer comes:

    o <- o + g c (s(t_k) - f(t_k) - o)        c: the slow reading's confidence
    out(t) = clip(f(t) + w(age) o~(t))        o~: o, glided, so that an answer never steps the output

When the slow one falls silent the offset fades (w) and the fast reading stands alone. Pure floats.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

from sensor.reading import Point, clip_unit


@dataclass(frozen=True)
class FusionConfig:
    """Times in seconds."""

    gain: float = 0.5
    """How much of what is left a fully confident slow reading corrects."""
    glide_s: float = 1.0
    """Time constant of the offset's way into the output."""
    hold_s: float = 10.0
    """A slow reading this old still counts in full..."""
    fade_s: float = 20.0
    """...and is forgotten over this long."""
    memory_s: float = 60.0
    """Slow answers later than this are of no use."""
    match_s: float = 0.5
    """A slow reading belongs to a fast one of (nearly) the same time."""


class Fusion:
    """One session's filter. One caller at a time."""

    def __init__(self, config: FusionConfig | None = None) -> None:
        self.config = config or FusionConfig()
        self._past: deque[tuple[float, Point]] = deque(maxlen=2048)
        """Fast readings, by time."""
        self._goal = (0.0, 0.0)
        self._offset = (0.0, 0.0)
        self._slow_s = -math.inf
        self._now_s = -math.inf

    def fast(self, t_s: float, point: Point, known: bool = True) -> Point:
        """The fused (valence, arousal) at `t_s`, in [-1, 1].

        `known` says whether the fast reading saw anything: what it repeats of black frames is not kept to
        compare with. Times that are not finite or go back are fused, but not kept either.
        """
        if math.isfinite(t_s) and t_s >= self._now_s:
            step_s = t_s - self._now_s
            self._now_s = t_s
            part = -math.expm1(-step_s / self.config.glide_s)
            self._offset = _mix(self._offset, self._goal, part)
            if known and _finite(point):
                self._past.append((t_s, point))
                while self._past[0][0] < t_s - self.config.memory_s:
                    self._past.popleft()
        weight = self._weight(self._now_s - self._slow_s)
        return (
            clip_unit(point[0] + weight * self._offset[0]),
            clip_unit(point[1] + weight * self._offset[1]),
        )

    def slow(self, t_s: float, point: Point, confidence: float) -> None:
        """Take in a slow reading of the frame at `t_s`, whenever it arrives.

        Ignored: one that is not finite, has no confidence, or belongs to no fast reading still remembered.
        """
        if not (math.isfinite(t_s) and _finite(point) and 0.0 < confidence <= 1.0):
            return
        then = self._fast_at(t_s)
        if then is None:
            return
        fresh = self._weight(self._now_s - self._slow_s) == 0.0
        if fresh:
            # Nothing is left of the old offset: the glide begins at nothing, not where it once was.
            self._goal = self._offset = (0.0, 0.0)
        difference = (clip_unit(point[0]) - then[0], clip_unit(point[1]) - then[1])
        self._goal = _mix(self._goal, difference, self.config.gain * confidence)
        self._slow_s = max(self._slow_s, t_s)

    def _fast_at(self, t_s: float) -> Point | None:
        near = bisect_left(self._past, t_s, key=lambda each: each[0])
        beside = [self._past[i] for i in (near - 1, near) if 0 <= i < len(self._past)]
        if not beside:
            return None
        at_s, point = min(beside, key=lambda each: abs(each[0] - t_s))
        return point if abs(at_s - t_s) <= self.config.match_s else None

    def _weight(self, age_s: float) -> float:
        """What a slow reading of that age counts: 1, then down to 0."""
        if age_s <= self.config.hold_s:
            return 1.0
        left = 1.0 - (age_s - self.config.hold_s) / self.config.fade_s
        return max(0.0, left)


def _mix(a: Point, b: Point, part: float) -> Point:
    return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])


def _finite(point: Point) -> bool:
    return math.isfinite(point[0]) and math.isfinite(point[1])
