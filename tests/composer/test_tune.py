"""The plan of the melody: phrases that breathe, themes that come back, more notes when aroused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from composer import tune
from composer.generator import Generator, Manner
from composer.score import LEAD, MIDDLE, UPPER, Beat
from tests.composer import tiny

AROUSALS = (-1.0, -0.5, 0.0, 0.5, 1.0)


@pytest.mark.parametrize("steps", [36, 48])
@pytest.mark.parametrize("triplets", [False, True])
def test_places_of_a_calm_bar_are_places_of_an_excited_one(steps: int, triplets: bool) -> None:
    totals = np.zeros(len(AROUSALS))
    for bar in range(64):
        rows = [tune.places(3, bar, steps, a, 1, triplets) for a in AROUSALS]
        for calm, wild in pairwise(rows):
            # The one exception: an empty bar is given its downbeat.
            assert set(calm) <= set(wild) | {0}
        totals += [len(row) for row in rows]
    assert all(np.diff(totals) > 0)


def test_a_theme_comes_back_in_rhythm_and_line_and_then_gives_way() -> None:
    def period(first: int) -> list[tuple[tuple[int, ...], float]]:
        return [(tune.places(5, b, 48, 0.0), tune.height(5, b, 12, 48)) for b in range(first, first + 7)]

    assert period(0) == period(8) == period(32) != period(16)
    assert period(64) != period(0)


def test_phrases_end_in_a_breath() -> None:
    for bar in range(3, 400, 4):
        if tune.rests(1, bar):
            continue
        end = next(p for p in range(48) if tune.ends_phrase(bar, p, 48))
        assert end in tune.places(1, bar, 48, -0.5)
        assert tune.gap(1, bar, end, 48, -0.5) >= 12


def test_rests_are_short_and_rare() -> None:
    silent = [not tune.places(2, bar, 48, -1.0) for bar in range(640)]
    assert 0 < sum(silent) < 0.08 * len(silent)
    assert not any(a and b and c for a, b, c in zip(silent, silent[1:], silent[2:], strict=False))


def written(seed: int, arousal: float, tokens: int = 600) -> list[Beat]:
    generator = Generator(*tiny.player(), Manner(style=(0, 1, 1, 0), meter=5), seed)
    return [beat for _ in range(tokens) for beat in generator.advance(0.3, arousal)]


@pytest.mark.parametrize("arousal", [-0.8, 0.8])
def test_the_melody_plays_where_it_is_planned_and_nowhere_else(arousal: float) -> None:
    """Whatever the model: this one is random."""
    beats = written(4, arousal)
    bars = max(beat.bar for beat in beats)
    assert bars > 2
    for bar in range(bars):
        sung = tuple(
            beat.position + n.step for beat in beats if beat.bar == bar for n in beat.notes if n.role == LEAD
        )
        assert sung == tune.places(4, bar, 48, arousal)


def test_a_bar_is_never_bare_and_chords_stand_on_strong_beats() -> None:
    for beat in written(6, -0.9):
        roles = [n.role for n in beat.notes if n.step == 0]
        if beat.position == 0:
            assert {UPPER, MIDDLE} <= set(roles)
    for beat in written(6, 0.9):
        for step in range(12):
            inner = [n for n in beat.notes if n.step == step and n.role in (UPPER, MIDDLE)]
            most = 4 if beat.position % 24 + step == 0 else 2 if step == 0 else 1
            assert len(inner) <= most
