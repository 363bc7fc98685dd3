"""Drums: played, not looped.

A family is a handful of lanes. Each lane has a weight for every place in the bar; the weight, the arousal and
seeded chance decide whether it is struck. Chance has two layers: one is rolled once for each phrase of eight
bars, so that a groove keeps its identity, and one for every bar, so that no two bars need be equal. The
fourth bar of a phrase may turn, the eighth ends in a fill whose length and density follow arousal.

    hits(groove, seed, bar, position, steps, bar_steps, arousal) -> tuple[Hit, ...]

A pure function: nothing to save, nothing to restore.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from composer.chance import choose, spread, uniform
from composer.presets import Groove
from composer.score import STEPS_PER_QUARTER

PHRASE_BARS = 8

_PHRASE, _BAR, _FILL, _LEVEL = range(4)


class Hit(NamedTuple):
    """A drum on the grid: `step` from the start of the beat, `velocity` in (0, 1]."""

    step: int
    patch: str
    velocity: float


@dataclass(frozen=True)
class Lane:
    """One drum. `weight(place, bar_steps)` is its chance in [0, 1] at middle arousal."""

    patch: str
    weight: Callable[[int, int], float]
    level: float
    lift: float = 0.35
    """How much arousal adds to the weight of a place that has one."""
    enters: float = -1.0


def _table(weights: dict[int, float]) -> Callable[[int, int], float]:
    return lambda place, bar_steps: weights.get(place, 0.0) if place < bar_steps else 0.0


def _every(unit: int, strong: float, weak: float) -> Callable[[int, int], float]:
    def weight(place: int, bar_steps: int) -> float:
        if place % unit:
            return 0.0
        return strong if place % STEPS_PER_QUARTER == 0 else weak

    return weight


def _offbeats(weight: float) -> Callable[[int, int], float]:
    return lambda place, bar_steps: weight if place % STEPS_PER_QUARTER == 6 else 0.0


def _waltz_low(place: int, bar_steps: int) -> float:
    return 1.0 if place == 0 else (0.25 if place == bar_steps - 6 else 0.0)


def _backbeat(place: int, bar_steps: int) -> float:
    """Two and four; in three, the second and third quarter, the third more often."""
    if bar_steps % 24:
        return {12: 0.45, 24: 0.8}.get(place, 0.0)
    return 1.0 if place % 24 == 12 else 0.0


FAMILIES: dict[str, tuple[Lane, ...]] = {
    "none": (),
    "lofi": (
        Lane("kick_soft", _table({0: 1.0, 18: 0.35, 27: 0.4, 30: 0.75, 42: 0.25}), 0.85),
        Lane("snare_dusty", _backbeat, 0.7),
        Lane("snare_dusty", _table({9: 0.12, 21: 0.2, 33: 0.15, 45: 0.25}), 0.22, lift=0.2, enters=-0.2),
        Lane("hat_soft", _every(6, 0.85, 0.75), 0.42),
        Lane("hat_soft", _every(3, 0.0, 0.22), 0.25, lift=0.5, enters=-0.1),
        Lane("hat_open", _table({42: 0.3, 18: 0.12}), 0.3, enters=0.0),
    ),
    "synthwave": (
        Lane("kick_deep", _every(12, 1.0, 0.0), 0.9),
        Lane("snare_gated", _backbeat, 0.75, enters=-0.3),
        Lane("hat_tight", _offbeats(0.9), 0.42),
        Lane("hat_tight", _every(3, 0.25, 0.35), 0.26, lift=0.6, enters=-0.05),
        Lane("hat_open", _offbeats(0.25), 0.3, lift=0.5, enters=0.3),
        Lane("tom", _table({39: 0.15, 45: 0.2}), 0.45, enters=0.2),
    ),
    "taiko": (
        Lane("taiko_low", _table({0: 1.0, 18: 0.3, 24: 0.4, 36: 0.25}), 0.8, lift=0.45),
        Lane("taiko_high", _table({12: 0.25, 30: 0.35, 36: 0.3, 42: 0.4}), 0.5, lift=0.5, enters=0.15),
        Lane("taiko_high", _every(6, 0.3, 0.35), 0.32, lift=0.6, enters=0.4),
        Lane("cymbal", _table({0: 0.1}), 0.2, lift=0.1, enters=0.65),
    ),
    "chip": (
        Lane("chip_kick", _table({0: 1.0, 18: 0.3, 24: 0.8, 30: 0.35, 42: 0.25}), 0.8),
        Lane("chip_snare", _backbeat, 0.7),
        Lane("chip_hat", _every(6, 0.7, 0.9), 0.36),
        Lane("chip_hat", _every(3, 0.0, 0.25), 0.22, lift=0.6, enters=0.1),
    ),
    "folk": (
        Lane("stomp", _waltz_low, 0.6),
        Lane("shaker", _every(6, 0.8, 0.7), 0.4),
        Lane("shaker", _every(3, 0.0, 0.3), 0.25, lift=0.6, enters=0.2),
        Lane("brush_tap", _backbeat, 0.4, enters=0.05),
    ),
    "jazz": (
        Lane("ride", _table({0: 0.9, 12: 1.0, 18: 0.75, 24: 0.9, 36: 1.0, 42: 0.75, 6: 0.1, 30: 0.1}), 0.42),
        Lane("hat_foot", _backbeat, 0.4),
        Lane("brush_sweep", _every(24, 0.8, 0.8), 0.4),
        Lane("brush_tap", _table({6: 0.15, 18: 0.25, 30: 0.2, 42: 0.3, 12: 0.2, 36: 0.25}), 0.35, lift=0.5),
        Lane("kick_soft", _table({0: 0.4, 18: 0.15, 30: 0.15, 42: 0.2}), 0.34, enters=-0.2),
    ),
    "soft": (
        Lane("kick_soft", _table({0: 0.9, 24: 0.35, 30: 0.3}), 0.6),
        Lane("brush_tap", _backbeat, 0.45, enters=-0.1),
        Lane("shaker", _every(6, 0.6, 0.75), 0.3),
    ),
}

_FILL_PATCHES: dict[str, tuple[str, ...]] = {
    "lofi": ("snare_dusty", "snare_dusty", "kick_soft"),
    "synthwave": ("tom", "snare_gated", "tom"),
    "taiko": ("taiko_high", "taiko_low", "taiko_high"),
    "chip": ("chip_snare", "chip_kick", "chip_snare"),
    "folk": ("stomp", "brush_tap", "shaker"),
    "jazz": ("brush_tap", "brush_tap", "kick_soft"),
    "soft": ("brush_tap", "kick_soft", "brush_tap"),
}

_CRASH: dict[str, str] = {"synthwave": "cymbal", "chip": "chip_crash", "taiko": "cymbal", "lofi": "hat_open"}


def drums_of(groove: Groove) -> tuple[str, ...]:
    """Every drum `groove` may strike, accents too, in a fixed order."""
    names = [lane.patch for lane in FAMILIES[groove.family]]
    names += _FILL_PATCHES.get(groove.family, ())
    if groove.family in _CRASH:
        names.append(_CRASH[groove.family])
    return tuple(dict.fromkeys([*names, *groove.accent]))


def _fill_from(bar: int, bar_steps: int, seed: int, arousal: float) -> int:
    """The step where this bar's fill begins; `bar_steps` where it has none."""
    place = bar % PHRASE_BARS
    if place == PHRASE_BARS - 1:
        length = 12 if arousal < 0.1 else 24
    elif place == PHRASE_BARS // 2 - 1 and uniform(seed, _FILL, bar) < 0.5 + 0.3 * arousal:
        length = 6 if arousal < 0.3 else 12
    else:
        return bar_steps
    return bar_steps - min(length, bar_steps // 2)


def hits(
    groove: Groove, seed: int, bar: int, position: int, steps: int, bar_steps: int, arousal: float
) -> tuple[Hit, ...]:
    """The drums of one beat, in order of time.

    `position` is the beat's first step in its bar, `steps` its length; `arousal` in [-1, 1]. Raises KeyError
    for a family that is not in `FAMILIES`.
    """
    lanes = FAMILIES[groove.family]
    if not lanes or arousal < groove.enters_above:
        return ()
    phrase = bar // PHRASE_BARS
    fill = _fill_from(bar, bar_steps, seed, arousal)
    out: list[Hit] = []
    for step in range(steps):
        place = position + step
        if place >= fill:
            out.extend(_fill_hits(groove, seed, bar, place, step, bar_steps - fill, arousal))
            continue
        for index, lane in enumerate(lanes):
            weight = lane.weight(place, bar_steps)
            if weight <= 0.0 or arousal < lane.enters:
                continue
            weight += lane.lift * arousal * (weight if arousal < 0.0 else 1.0 - weight)
            # Two dice: the phrase's keeps the groove's face, the bar's moves it.
            kept = uniform(seed, _PHRASE, phrase, index, place)
            moved = uniform(seed, _BAR, bar, index, place)
            if 0.7 * kept + 0.3 * moved < weight:
                level = (
                    lane.level * (1.0 + 0.3 * arousal) * (1.0 + 0.2 * spread(seed, _LEVEL, bar, index, place))
                )
                out.append(Hit(step, lane.patch, min(max(level, 0.02), 1.0)))
    if position == 0 and bar and bar % PHRASE_BARS == 0 and arousal > 0.0 and groove.family in _CRASH:
        out.insert(0, Hit(0, _CRASH[groove.family], 0.3 + 0.25 * arousal))
    return tuple(out)


def _fill_hits(
    groove: Groove, seed: int, bar: int, place: int, step: int, length: int, arousal: float
) -> list[Hit]:
    unit = 3 if arousal > -0.3 else 6
    if place % unit or length <= 0:
        return []
    die = uniform(seed, _FILL, bar, place)
    on_beat = place % STEPS_PER_QUARTER == 0
    if die > 0.55 + 0.35 * arousal + (0.4 if on_beat else 0.0):
        return []
    patches = _FILL_PATCHES[groove.family]
    patch = patches[choose(seed, len(patches), _FILL, bar, place, 1)]
    level = 0.38 + 0.2 * arousal + 0.22 * uniform(seed, _FILL, bar, place, 2)
    return [Hit(step, patch, min(max(level, 0.05), 1.0))]
