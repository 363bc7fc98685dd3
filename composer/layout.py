"""What the plans ask of the place where the stream stands: where tune and accompaniment play, and how."""

from __future__ import annotations

from composer import comping, texture, tune
from composer.grammar import LONGEST_HOLE, RANGES, Asked, Cursor
from composer.score import LEAD

_LONGEST_LEAD = 48
_MIDDLE_OF_LEAD = 71.0


def asked(seed: int, cursor: Cursor, arousal: float, style: tuple[int, ...]) -> Asked:
    """The plan at `cursor.position`. `style` as in `composer.generator.Manner`."""
    _, density, _, triplets = style
    bar, place, steps = max(cursor.bar, 0), cursor.position, cursor.bar_steps
    swung = bool(triplets)
    melody = tune.places(seed, bar, steps, arousal, density, swung)
    comped = comping.places(seed, bar, steps, arousal, density, swung)
    coming = min((step for step in melody if step > place), default=steps)
    ends = tune.ends_phrase(bar, place, steps)
    low, high = RANGES[LEAD]
    height = _MIDDLE_OF_LEAD + 2.5 * arousal + tune.height(seed, bar, place, steps)
    return Asked(
        due=texture.due(place, steps, arousal),
        places=frozenset((*melody, *comped, *texture.always(steps, arousal))),
        comped=place in comped or place not in melody,
        inner=texture.at_most(place, steps),
        melody=place in melody,
        next_due=min(coming, texture.next_due(place, steps, arousal)),
        lead_lengths=_lead_lengths(tune.gap(seed, bar, place, steps, arousal, density, swung), ends, arousal),
        shortest=max(texture.shortest(place, arousal), comping.gap(place, comped, steps) - LONGEST_HOLE),
        triplets=swung,
        lead_at=min(max(height, low + 3.0), high - 3.0),
        ends=ends,
        closes=tune.closes(bar),
    )


def _lead_lengths(gap: int, ends: bool, arousal: float) -> tuple[int, int]:
    """Sung from one note to the next when calm, a little apart when not; a breath after a phrase."""
    longest = min(gap, _LONGEST_LEAD)
    if ends:
        return min(12, longest), max(longest - 6, 3)
    share = 0.75 if arousal < 0.0 else 0.5
    return int(share * longest), longest
