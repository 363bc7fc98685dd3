"""The accompaniment's rhythm: comes back, fills in as arousal grows, and the generator keeps to it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from composer import comping, texture
from composer.generator import Generator, Manner
from composer.score import LEAD, MIDDLE, STEPS_PER_QUARTER, UPPER
from tests.composer import tiny

AROUSALS = (-1.0, -0.8, -0.4, 0.0, 0.3, 0.6, 1.0)


@pytest.mark.parametrize("triplets", [False, True])
@pytest.mark.parametrize("bar_steps", [36, 48])
def test_places_of_a_calm_bar_are_also_places_of_an_excited_one(bar_steps: int, triplets: bool) -> None:
    for seed in range(20):
        for bar in (0, 1, 7, 18):
            figures = [set(comping.places(seed, bar, bar_steps, a, 1, triplets)) for a in AROUSALS]
            assert all(calm <= excited for calm, excited in pairwise(figures))
            assert 0 in figures[0] and max(figures[-1]) < bar_steps
            assert len(figures[0]) <= 2 < len(figures[-1])


def test_places_lie_on_the_grid_of_the_style() -> None:
    for seed in range(20):
        for bar in range(16):
            assert all(texture.on_grid(p, False) for p in comping.places(seed, bar, 48, 1.0))
            assert all(texture.on_grid(p, True) for p in comping.places(seed, bar, 48, 1.0, triplets=True))


def test_two_bars_make_a_figure_and_the_period_ends_with_another() -> None:
    def figure(bar: int) -> tuple[int, ...]:
        return comping.places(3, bar, 48, 0.6)

    assert figure(0) == figure(2) == figure(4) and figure(1) == figure(3) == figure(5)
    assert figure(8) == figure(0) and figure(16) != figure(0)
    assert len({tuple(comping.places(seed, 0, 48, 0.6)) for seed in range(30)}) > 15


def test_gap_reaches_the_next_place_or_the_bar_line() -> None:
    assert comping.gap(0, (0, 12, 30), 48) == 12
    assert comping.gap(30, (0, 12, 30), 48) == 18


@pytest.mark.parametrize("arousal", [-0.5, 0.2, 0.9])
def test_the_generator_comps_where_the_figure_has_places(arousal: float) -> None:
    generator = Generator(*tiny.player(), Manner(style=(0, 1, 1, 0), meter=5), seed=5)
    beats = [beat for _ in range(1500) for beat in generator.advance(0.3, arousal)]
    inner, on_figure, melody_alone = 0, 0, 0
    for beat in beats:
        figure = comping.places(5, beat.bar, beat.bar_steps, arousal)
        planned = {*figure, *texture.always(beat.bar_steps, arousal)}
        for note in beat.notes:
            if note.role in (UPPER, MIDDLE):
                inner += 1
                on_figure += beat.position + note.step in planned
            melody_alone += note.role == LEAD and beat.position + note.step not in figure
    assert inner > 100 and on_figure >= 0.95 * inner
    assert melody_alone or arousal < 0.0, "the tune goes its own way"
    assert all(0 <= note.step < STEPS_PER_QUARTER for beat in beats for note in beat.notes)
