"""Where the melody plays, and about how high: themes, phrases, breaths. The notes are the model's.

    places(seed=7, bar=12, bar_steps=48, arousal=0.2)     # (0, 12, 18, 24): steps at which it starts a note
    gap(seed, bar, place, ...)                            # steps from there to its next note
    height(seed, bar, place, bar_steps)                   # semitones about the middle of its range

A period is eight bars: two phrases of four, each with a breath at its end, the first open and the second
closed (Caplin 1998). Periods come as A A B A, and a new A every 64 bars, so that a tune is heard again before
it is given up. A theme is a rhythm for three kinds of bar and a line; both are hashes of the seed, so there
is nothing to keep. A rhythm is a weight for every place, and arousal says how much weight it takes: places
of a calm bar are also places of an excited one, and affect may change in the middle of a bar.
"""

from __future__ import annotations

from functools import lru_cache

from composer.chance import uniform

PHRASE_BARS = 4
PERIOD_BARS = 2 * PHRASE_BARS
_BLOCK_BARS = 4 * PERIOD_BARS
_RHYTHM, _LINE, _PICKUP, _REST, _ARC = range(20, 25)
_BAR_KINDS = (0, 1, 0, 2)
"""Of the bars of a phrase: said, answered, said again, ended."""
_LONGEST_GAP = 96
AROUSAL_STEPS = 20
"""Arousal is taken in twentieths: less is no other rhythm, and the answers can be kept."""


def theme(bar: int) -> int:
    """A number for the theme of this bar's period: the third of four is another, the rest are alike."""
    period = bar // PERIOD_BARS
    if period % 4 == 2:
        return 2 * (bar // _BLOCK_BARS) + 1
    return 2 * (bar // (2 * _BLOCK_BARS))


def places(
    seed: int, bar: int, bar_steps: int, arousal: float, density: int = 1, triplets: bool = False
) -> tuple[int, ...]:
    """Steps of the bar at which the melody starts a note; empty in a bar of rest.

    `density` is the style's, 0 .. 3. Off-beats of a style of triplets are their last third.
    """
    return _places(seed, bar, bar_steps, round(arousal * AROUSAL_STEPS), density, triplets)


@lru_cache(maxsize=512)
def _places(
    seed: int, bar: int, bar_steps: int, arousal_steps: int, density: int, triplets: bool
) -> tuple[int, ...]:
    arousal = arousal_steps / AROUSAL_STEPS
    kind = _BAR_KINDS[bar % PHRASE_BARS]
    which = theme(bar)
    if rests(seed, bar):
        return ()
    needed = 0.46 - 0.22 * arousal + 0.04 * (1 - density)
    last = _last_place(bar, bar_steps) if kind == 2 else bar_steps
    found = []
    for place in range(0, bar_steps, 3):
        step = place
        if triplets:
            swung = triplet(place)
            if swung is None:
                continue
            step = swung
        weight = metrical(place, bar_steps) + 0.44 * (uniform(seed, _RHYTHM, which, kind, place) - 0.5)
        if kind == 2:
            if place == last:
                weight = 2.0
            elif place > last:
                weight = _pickup(seed, bar, place, bar_steps, arousal)
        if weight > needed:
            found.append(step)
    if not found:
        found = [0]
    return tuple(found)


def triplet(place: int) -> int | None:
    """Where a place on the sixteenths lies among eighth triplets; None where there is none.

    The last third is the off-beat; the middle one has the weight of a sixteenth.
    """
    return place + {0: 0, 3: 1, 6: 2}[place % 12] if place % 12 != 9 else None


def metrical(place: int, bar_steps: int) -> float:
    """Metrical weight of a place in the bar, 0 .. 1."""
    if place == 0:
        return 0.95
    if bar_steps % 24 == 0 and place == bar_steps // 2:
        return 0.68
    if place % 12 == 0:
        return 0.56
    return 0.34 if place % 6 == 0 else 0.1


def _last_place(bar: int, bar_steps: int) -> int:
    """Where a phrase ends: the first on its second half, the second on its downbeat."""
    closed = bar % PERIOD_BARS == PERIOD_BARS - 1
    return 0 if closed or bar_steps % 24 else bar_steps // 2


def _pickup(seed: int, bar: int, place: int, bar_steps: int, arousal: float) -> float:
    """A phrase in three begins before its bar line, with an eighth or a quarter."""
    die = uniform(seed, _PICKUP, theme(bar + 1), bar % PERIOD_BARS)
    if rests(seed, bar + 1) or die > 0.34 + 0.2 * arousal:
        return 0.0
    return 2.0 if place == bar_steps - (12 if die < 0.15 else 6) else 0.0


def rests(seed: int, bar: int) -> bool:
    """Whether the melody is silent in this bar: two bars at the end of some blocks, never at the start."""
    if bar % _BLOCK_BARS < _BLOCK_BARS - 2:
        return False
    return uniform(seed, _REST, bar // _BLOCK_BARS) < 0.6


def ends_phrase(bar: int, place: int, bar_steps: int) -> bool:
    """Whether the note there is the last of its phrase."""
    return bar % PHRASE_BARS == PHRASE_BARS - 1 and place == _last_place(bar, bar_steps)


def closes(bar: int) -> bool:
    """Whether the phrase of this bar is the closing one of its period."""
    return bar % PERIOD_BARS >= PHRASE_BARS


def gap(
    seed: int, bar: int, place: int, bar_steps: int, arousal: float, density: int = 1, triplets: bool = False
) -> int:
    """Steps from `place` to the melody's next note, at most two bars of 4/4."""
    ahead = 0
    while ahead < _LONGEST_GAP:
        for step in places(seed, bar, bar_steps, arousal, density, triplets):
            if step + ahead > place:
                return min(step + ahead - place, _LONGEST_GAP)
        ahead += bar_steps
        bar += 1
    return _LONGEST_GAP


@lru_cache(maxsize=64)
def height(seed: int, bar: int, place: int, bar_steps: int) -> float:
    """The theme's line in semitones, about -8 .. 8: corners at the quarters, joined straight.

    The same for the same place of a theme, so that a motif comes back in its shape whatever the harmony.
    """
    kind, which = _BAR_KINDS[bar % PHRASE_BARS], theme(bar)
    corner = place // 12
    here = _corner(seed, which, kind, corner)
    there = _corner(seed, which, kind, corner + 1) if 12 * (corner + 1) < bar_steps else here
    line = here + (there - here) * (place % 12) / 12
    # A phrase rises to its third bar and comes down at its end.
    top = 2.5 + 2.5 * uniform(seed, _ARC, which, bar % PERIOD_BARS // PHRASE_BARS)
    arc = (-0.3, 0.4, 1.0, -0.5)[bar % PHRASE_BARS] * top
    return line * (0.4 if kind == 2 else 1.0) + arc


def _corner(seed: int, which: int, kind: int, corner: int) -> float:
    return 7.0 * (uniform(seed, _LINE, which, kind, corner) - 0.5)
