"""Where the accompaniment plays: a rhythm for each theme, filled in as arousal grows.

    places(seed=7, bar=12, bar_steps=48, arousal=0.2)     # (0, 12, 24, 36, 42): steps at which it may start

Left to itself the model comps on every place that it is offered, which in a fast piece is a motor of
sixteenths. A player keeps to a figure. As in `composer.tune` a rhythm is a weight for every place, from the
theme and the seed, and arousal says how much weight it takes: places of a calm bar are also places of an
excited one. Two bars make a figure; the last bar of a period has one of its own.
"""

from __future__ import annotations

from functools import lru_cache

from composer.chance import uniform
from composer.tune import AROUSAL_STEPS, PERIOD_BARS, metrical, theme, triplet

_RHYTHM = 30
_FIGURE_BARS = 2


def places(
    seed: int, bar: int, bar_steps: int, arousal: float, density: int = 1, triplets: bool = False
) -> tuple[int, ...]:
    """Steps of the bar at which the accompaniment may start a note: the downbeat always.

    `density` is the style's, 0 .. 3. Off-beats of a style of triplets are their last third.
    """
    kind = _FIGURE_BARS if bar % PERIOD_BARS == PERIOD_BARS - 1 else bar % _FIGURE_BARS
    return _places(seed, theme(bar), kind, bar_steps, round(arousal * AROUSAL_STEPS), density, triplets)


@lru_cache(maxsize=512)
def _places(
    seed: int, which: int, kind: int, bar_steps: int, arousal_steps: int, density: int, triplets: bool
) -> tuple[int, ...]:
    needed = 0.48 - 0.34 * arousal_steps / AROUSAL_STEPS + 0.05 * (1 - density)
    found = {0}
    for place in range(3, bar_steps, 3):
        step = triplet(place) if triplets else place
        if step is None:
            continue
        weight = metrical(place, bar_steps) + 0.44 * (uniform(seed, _RHYTHM, which, kind, place) - 0.5)
        if weight > needed:
            found.add(step)
    return tuple(sorted(found))


def gap(place: int, planned: tuple[int, ...], bar_steps: int) -> int:
    """Steps from `place` to the next of the `planned` ones; to the bar's end where none is left."""
    return min((step for step in planned if step > place), default=bar_steps) - place
