"""AffectWindow: irregular, sometimes wild readings become one smooth, causal estimate.

Two stages. First the window: over the last 8 s of readings, a mean weighted by confidence and recency, in
which a reading far from the median of its last three may pull only so far. Readings from before a cut keep
little weight. Then a one-pole glide toward that mean, so that no rule of the first stage can step the output.
Both stages are convex in the readings, hence bounded and without overshoot.

The estimate at t is a function of the set of readings with `t_s <= t`, whenever and in whatever order they
arrived. Pure floats: cheap enough for an event loop.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from sensor.errors import SensorError
from sensor.reading import Affect, Reading, clip_unit

GRACE_S = 0.5
"""This long after a usable reading, confidence begins to fall."""


@dataclass(frozen=True)
class WindowConfig:
    """How an `AffectWindow` remembers. Times in seconds, `wild_limit` in units of affect."""

    memory_s: float
    """Time constant of recency inside the window."""
    glide_s: float
    """Time constant of the output's glide toward the window's mean."""
    wild_limit: float
    """How far one unconfirmed reading may stand from the median of the last three."""
    window_s: float = 8.0
    cut_keeps: float = 0.1
    """Weight left to readings from before a cut."""
    hold_s: float = 3.0
    """Video gone: the estimate stays this long..."""
    drift_s: float = 10.0
    """...then moves to neutral over this long."""


PRESETS = {
    "calm": WindowConfig(memory_s=2.6, glide_s=0.6, wild_limit=0.1),
    "balanced": WindowConfig(memory_s=0.8, glide_s=0.25, wild_limit=0.2),
    "reactive": WindowConfig(memory_s=0.15, glide_s=0.12, wild_limit=0.5),
}
"""63 % of a step, readings 8 a second, no cut seen: see `sensor_lag_s` and the tests."""


class _Entry(NamedTuple):
    """A reading, and everything the estimate needs to go on from it."""

    reading: Reading
    usable: bool
    limited: tuple[float, float]
    """The reading after the wild-frame rule."""
    shot: int
    """How many cuts came before."""
    target: tuple[float, float]
    """The window's mean."""
    start: tuple[float, float]
    """The estimate at the moment of this reading: the glide starts here."""
    held_from_s: float
    """When the last usable reading was; minus infinity before the first."""
    confidence: float


class AffectWindow:
    """Turns the readings of one session into one estimate. Not thread-safe; one owner.

    Readings may arrive late and out of order, up to `window_s` behind the newest; older ones are ignored.
    """

    def __init__(self, preset: str | WindowConfig = "balanced") -> None:
        """Raises `SensorError` when `preset` is not one of `PRESETS`."""
        if isinstance(preset, str):
            if preset not in PRESETS:
                raise SensorError(f"unknown window preset {preset!r}: choose one of {', '.join(PRESETS)}")
            preset = PRESETS[preset]
        self.config = preset
        self._entries: list[_Entry] = []

    def add(self, reading: Reading) -> None:
        """Take in a reading. One that is not finite, or has no confidence, only ages the estimate."""
        if not math.isfinite(reading.t_s):
            return
        reading = _sane(reading)
        entries = self._entries
        if entries and reading.t_s < entries[-1].reading.t_s - self.config.window_s:
            return
        place = bisect_right(entries, reading, key=attrgetter("reading"))
        later = [entry.reading for entry in entries[place:]]
        del entries[place:]
        for each in (reading, *later):
            entries.append(self._follow(each))
        # Twice the window: what is inside it may still be recomputed from what precedes it.
        oldest = entries[-1].reading.t_s - 2 * self.config.window_s
        keep = bisect_right(entries, oldest, key=lambda entry: entry.reading.t_s)
        del entries[: max(0, min(keep, len(entries) - 8))]

    def estimate(self, t_s: float) -> Affect:
        """The estimate at `t_s`, from readings not later than `t_s`. Neutral before the first."""
        last = bisect_right(self._entries, t_s, key=lambda entry: entry.reading.t_s) - 1
        if last < 0:
            return Affect(0.0, 0.0, 0.0)
        entry = self._entries[last]
        valence, arousal = self._glide(entry, t_s)
        doubt = (t_s - entry.held_from_s - GRACE_S) / max(self.config.hold_s - GRACE_S, GRACE_S)
        fresh = 1.0 - max(0.0, min(1.0, doubt))
        return Affect(valence, arousal, entry.confidence * fresh)

    def _follow(self, reading: Reading) -> _Entry:
        """The entry for `reading`, which comes after all present ones."""
        previous = self._entries[-1] if self._entries else None
        usable = reading.confidence > 0.0
        if previous is None:
            here = (reading.valence, reading.arousal)
            held_from_s = reading.t_s if usable else -math.inf
            return _Entry(
                reading,
                usable,
                here,
                0,
                here if usable else (0.0, 0.0),
                (0.0, 0.0),
                held_from_s,
                reading.confidence,
            )
        shot = previous.shot + int(reading.cut)
        start = self._glide(previous, reading.t_s)
        limited = self._limit(reading, shot)
        draft = _Entry(reading, usable, limited, shot, previous.target, start, previous.held_from_s, 0.0)
        return self._averaged(draft)

    def _averaged(self, newest: _Entry) -> _Entry:
        """`newest` with the window's mean and confidence filled in."""
        config, now = self.config, newest.reading.t_s
        total = valence = arousal = weights = 0.0
        for entry in (newest, *reversed(self._entries)):
            age_s = now - entry.reading.t_s
            if age_s > config.window_s:
                break
            recency = math.exp(-age_s / config.memory_s)
            if entry.shot != newest.shot:
                recency *= config.cut_keeps
            weight = recency * entry.reading.confidence
            weights += recency
            total += weight
            valence += weight * entry.limited[0]
            arousal += weight * entry.limited[1]
        confidence = total / weights
        if not newest.usable:
            # Nothing was seen: the target stays, the glide goes on, only the confidence falls.
            return newest._replace(confidence=confidence)
        target = (clip_unit(valence / total), clip_unit(arousal / total))
        return newest._replace(target=target, held_from_s=now, confidence=confidence)

    def _limit(self, reading: Reading, shot: int) -> tuple[float, float]:
        """A reading may stand `wild_limit` from the median of the shot's last three, itself among them."""
        near = [reading]
        for entry in reversed(self._entries):
            if len(near) == 3 or entry.shot != shot:
                break
            if entry.usable:
                near.append(entry.reading)
        limit = self.config.wild_limit
        return (
            _within(reading.valence, _median([each.valence for each in near]), limit),
            _within(reading.arousal, _median([each.arousal for each in near]), limit),
        )

    def _glide(self, entry: _Entry, t_s: float) -> tuple[float, float]:
        """The output at `t_s`, no reading having come since `entry`."""
        config = self.config
        part = -math.expm1(-(t_s - entry.reading.t_s) / config.glide_s)
        # Drift is relative: what was left when this reading came, and what is left now.
        before = self._left(entry.reading.t_s - entry.held_from_s)
        left = self._left(t_s - entry.held_from_s)
        fade = left / before if before > 0 else 0.0
        valence, arousal = (
            fade * (start + part * (before * target - start))
            for start, target in zip(entry.start, entry.target, strict=True)
        )
        return clip_unit(valence), clip_unit(arousal)

    def _left(self, silent_s: float) -> float:
        """What is left after `silent_s` without a usable reading: 1 to 0, smooth at both ends."""
        x = (silent_s - self.config.hold_s) / self.config.drift_s
        if x <= 0:
            return 1.0
        return 0.0 if x >= 1 else 0.5 + 0.5 * math.cos(math.pi * x)


def sensor_lag_s(preset: str | WindowConfig, readings_hz: float, cut: bool = False) -> float:
    """Seconds from a step in the picture until the estimate has moved 63 % of the way.

    The step of 0.8 falls just after a reading, which is the worst moment. With `cut`, the detector reports it
    one reading after the first new picture.
    """
    window = AffectWindow(preset)
    interval = 1.0 / readings_hz
    before = round(20.0 * readings_hz)
    step_s = before * interval
    goal = -0.4 + 0.8 * (1 - math.exp(-1))
    for i in range(2 * before):
        t_s = i * interval
        value = 0.4 if i > before else -0.4
        window.add(Reading(t_s, value, 0.0, 1.0, cut and i == before + 2))
        for k in range(8):
            at = t_s + k * interval / 8
            if window.estimate(at).valence >= goal:
                return at - step_s
    return math.inf


def _sane(reading: Reading) -> Reading:
    confidence = reading.confidence if math.isfinite(reading.confidence) else 0.0
    if not (math.isfinite(reading.valence) and math.isfinite(reading.arousal)):
        confidence = 0.0
    return Reading(
        reading.t_s,
        clip_unit(reading.valence),
        clip_unit(reading.arousal),
        max(0.0, min(1.0, confidence)),
        bool(reading.cut),
    )


def _median(values: list[float]) -> float:
    """Of one, two (their mean) or three."""
    values = sorted(values)
    return values[len(values) // 2] if len(values) != 2 else (values[0] + values[1]) / 2


def _within(x: float, center: float, limit: float) -> float:
    return max(center - limit, min(center + limit, x))
