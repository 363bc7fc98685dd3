"""Figures fill up and empty one note at a time, and keep their places for some bars."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from composer.figures import DRONE_RANGE, Harmony, drone, figure, remembered
from composer.presets import Figure, Part
from composer.score import BASS, MIDDLE, Beat, Note

NOW = Harmony((55, 60, 64), 36)
LEVELS = [step / 20 for step in range(-20, 21)]


def bar_of(kind: Figure, arousal: float, bar: int = 0, seed: int = 3, bar_steps: int = 48) -> list[int]:
    """Places of the bar that the figure strikes."""
    part = Part(BASS if kind in ("pulse", "walk") else MIDDLE, "synth_pluck", "harmony", figure=kind)
    places = []
    for position in range(0, bar_steps, 12):
        beat = Beat(bar, position, 12, bar_steps, 0, False, (), (0, 4, 7, 9))
        places += [position + note.step for note, _ in figure(part, beat, arousal, NOW, seed)]
    return places


@pytest.mark.parametrize("bar_steps", [36, 48])
@pytest.mark.parametrize("kind", ["arp", "pulse", "walk"])
def test_a_figure_fills_up_one_place_after_another(kind: Figure, bar_steps: int) -> None:
    for seed in range(10):
        bars = [set(bar_of(kind, level, seed=seed, bar_steps=bar_steps)) for level in LEVELS]
        gained = [len(more - less) for less, more in pairwise(bars)]
        assert all(less <= more for less, more in pairwise(bars))
        assert max(gained) <= 3, "no step of a twentieth changes more than three places"
        assert sum(gained) >= len(bars[0]), "full cry has twice the notes of rest"


def test_an_arpeggio_at_rest_goes_in_eighths_and_in_full_cry_in_sixteenths() -> None:
    assert bar_of("arp", -0.5) == list(range(0, 48, 6))
    assert bar_of("arp", 0.9) == list(range(0, 48, 3))


def test_a_bass_at_rest_goes_in_quarters() -> None:
    assert bar_of("pulse", -0.9) == [0, 12, 24, 36]
    assert {0, 6, 9, 12} <= set(bar_of("pulse", 1.0))


def test_a_bass_walks_in_two_at_rest_and_in_four_at_ease() -> None:
    assert bar_of("walk", -0.95) == [0, 24]
    assert bar_of("walk", 0.0) == [0, 12, 24, 36]
    assert len(bar_of("walk", 1.0)) > 4


def test_a_walk_starts_on_the_root_and_keeps_to_the_chord_and_its_range() -> None:
    part = Part(BASS, "upright_bass", "bass", figure="walk")
    for bar, tonic in product(range(8), range(12)):
        chord = tuple((tone + tonic) % 12 for tone in (0, 3, 7, 10, 2))
        notes = [
            note
            for position in range(0, 48, 12)
            for note, _ in figure(part, Beat(bar, position, 12, 48, 0, False, (), chord), 0.3, NOW, 3)
        ]
        assert notes[0].pitch % 12 == tonic
        assert all(note.pitch % 12 in chord[:-1] and 33 <= note.pitch <= 56 for note in notes)
        on_beats = [note.pitch for note in notes if note.step == 0]
        assert all(a != b for a, b in pairwise(on_beats))
    held = figure(part, Beat(0, 0, 12, 48, 0, False, ()), 0.3, Harmony((), 40), 3)
    assert {note.pitch % 12 for note, _ in held} == {40 % 12}


@pytest.mark.parametrize("bar_steps", [36, 48])
def test_a_walk_starts_anew_on_the_root_of_a_bars_second_chord(bar_steps: int) -> None:
    part, late = Part(BASS, "upright_bass", "bass", figure="walk"), 24
    for bar, tonic in product(range(8), range(12)):
        chord = tuple((tone + tonic) % 12 for tone in (0, 4, 7, 10, 2))
        beat = Beat(bar, late, 12, bar_steps, 0, False, (), chord, late)
        assert [n.pitch % 12 for n, _ in figure(part, beat, 0.3, NOW, 3) if n.step == 0] == [tonic]


def test_a_bass_that_is_held_lies_where_a_bass_belongs() -> None:
    for written in range(28, 63):
        beat = Beat(0, 0, 12, 48, 0, False, (Note(0, 12, written, BASS),), (0, 4, 7, 9))
        held = remembered(beat, 0.0, Harmony()).bass
        assert held % 12 == written % 12 and held <= 48 and (held == written or written > 48)


def test_a_strum_leaves_the_strong_beats_to_the_bass() -> None:
    assert sorted(set(bar_of("strum", -0.9, bar_steps=36))) == [12, 24]
    assert sorted(set(bar_of("strum", -0.9))) == [12, 36]
    assert set(bar_of("strum", 1.0, bar_steps=36)) == {6, 12, 18, 24, 30}


def test_places_are_kept_for_four_bars() -> None:
    assert bar_of("arp", 0.4, bar=0) == bar_of("arp", 0.4, bar=3)
    assert len({tuple(bar_of("arp", 0.4, bar=bar)) for bar in range(0, 40, 4)}) > 3


def test_notes_last_to_the_next_and_walk_the_chord() -> None:
    part = Part(MIDDLE, "synth_pluck", "harmony", figure="arp")
    notes = [note for note, _ in figure(part, Beat(0, 0, 12, 48, 0, False, ()), -0.5, NOW, 3)]
    assert [(note.step, note.length, note.pitch) for note in notes] == [(0, 6, 55), (6, 6, 60)]
    assert not figure(part, Beat(0, 0, 12, 48, 0, False, ()), 0.5, Harmony(), 3)


def test_the_drone_stays_in_its_range() -> None:
    for tonic, root, third in product(range(12), range(12), (3, 4)):
        chord = (root, (root + third) % 12, (root + 7) % 12)
        pitches = drone(Beat(0, 0, 12, 48, tonic, third == 3, (), chord))
        assert DRONE_RANGE[0] <= min(pitches) and max(pitches) <= DRONE_RANGE[1]
