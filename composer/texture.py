"""How thick and how thin the accompaniment may be at a place of the bar.

The songs it learned from have chords of four and more on every eighth, and the model keeps to what it has
begun: repeated chords at one end, a bass alone at the other. So chords stand on strong beats, single notes
between them, and every bar begins with a bass and two inner voices.
"""

from __future__ import annotations

from composer.score import BASS, MIDDLE, STEPS_PER_QUARTER, UPPER


def at_most(place: int, bar_steps: int) -> int:
    """Notes of the inner voices that may start together."""
    if place == 0 or (bar_steps % 24 == 0 and place == bar_steps // 2):
        return 3
    return 2 if place % STEPS_PER_QUARTER == 0 else 1


def due(place: int, bar_steps: int, arousal: float) -> frozenset[int]:
    """Roles that must start a note there."""
    if place == 0:
        return _WHOLE
    if arousal > -0.4 and place == half(bar_steps):
        return _INNER
    return _NONE


_WHOLE, _INNER, _NONE = frozenset((BASS, MIDDLE, UPPER)), frozenset((MIDDLE,)), frozenset[int]()


def always(bar_steps: int, arousal: float) -> tuple[int, ...]:
    """Places at which some role is due, whatever the figure of the accompaniment."""
    return tuple(step for step in (0, half(bar_steps)) if due(step, bar_steps, arousal))


def half(bar_steps: int) -> int:
    """The bar's second strong place; in three, its third quarter."""
    return bar_steps // 2 if bar_steps % 24 == 0 else 2 * STEPS_PER_QUARTER


def next_due(place: int, bar_steps: int, arousal: float) -> int:
    """The next place after `place` at which a role is due; the bar's end where none is."""
    for step in (0, half(bar_steps)):
        if place < step < bar_steps and due(step, bar_steps, arousal):
            return step
    return bar_steps


def shortest(place: int, arousal: float) -> int:
    """Steps that a note of the accompaniment lasts at least: calm music is held, not dropped."""
    if arousal < -0.4:
        return 24 if place == 0 else 12
    if arousal < 0.1:
        return 12 if place % STEPS_PER_QUARTER == 0 else 6
    return 3


def on_grid(place: int, triplets: bool) -> bool:
    """Whether something may start there: sixteenths, or in a style of triplets eighth triplets."""
    return place % (4 if triplets else 3) == 0
