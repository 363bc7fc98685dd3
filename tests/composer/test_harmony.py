"""The plan of chords, and that the notes lean on it: the mode that valence asks for can be heard."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from composer import tokens
from composer.generator import Generator, Manner
from composer.grammar import Cursor
from composer.harmony import PHRASE_BARS, planned
from composer.idioms import CHORDS, IDIOMS, Chord
from composer.leaning import shaped
from composer.score import LEAD, UPPER, Beat
from tests.composer import tiny

MANNER = Manner(style=(0, 1, 1, 0), meter=5)
MAJOR, MINOR = {0, 2, 4, 5, 7, 9, 11}, {0, 2, 3, 5, 7, 8, 11}


def is_major(chord: Chord) -> bool:
    root, third, fifth = chord.tones[:3]
    return ((third - root) % 12, (fifth - root) % 12) == (4, 7)


def plan(minor: bool, valence: float, seed: int = 1, idiom: str = "song") -> list[Chord]:
    """Both halves of every bar."""
    bars = range(40 * PHRASE_BARS)
    return [planned(seed, bar, minor, valence, idiom, late) for bar in bars for late in (False, True)]


every_idiom = pytest.mark.parametrize("idiom", IDIOMS)


@every_idiom
@pytest.mark.parametrize("valence", [-0.9, -0.2, 0.2, 0.9])
@pytest.mark.parametrize(("minor", "scale"), [(False, MAJOR), (True, MINOR)])
def test_every_chord_lies_in_its_scale(minor: bool, scale: set[int], valence: float, idiom: str) -> None:
    for chord in plan(minor, valence, idiom=idiom):
        assert {*chord.tones, chord.color} <= scale
        assert len({*chord.tones, chord.color}) == len(chord.tones) + 1


@every_idiom
def test_a_phrase_has_four_bars_of_known_chords_and_a_closed_one_comes_home(idiom: str) -> None:
    for minor, strong, closes in product((False, True), repeat=3):
        for phrase in IDIOMS[idiom].phrases(minor, strong, closes):
            bars = [[CHORDS[name] for name in bar.split("/")] for bar in phrase.split()]
            assert len(bars) == PHRASE_BARS and all(len(halves) <= 2 for halves in bars)
            assert not closes or bars[-1][-1].tones[0] == 0


@every_idiom
def test_strong_valence_says_the_mode_in_every_two_bars(idiom: str) -> None:
    bright, blurred, dark = (plan(v < 0.0, v, idiom=idiom) for v in (0.9, 0.1, -0.9))
    happy = [is_major(chord) for chord in bright]
    assert all(any(happy[half : half + 4]) for half in range(0, len(happy) - 2, 2))
    assert sum(map(is_major, bright)) > sum(map(is_major, blurred)) or idiom == "dance"
    # In minor only the dominant is major.
    assert all(chord.tones[0] == 7 for chord in dark if is_major(chord) and idiom == "song")
    sad = [not {3, 8}.isdisjoint(chord.tones) for chord in dark]
    assert all(any(sad[half : half + 4]) for half in range(0, len(sad) - 2, 2))


def test_styles_are_told_apart_by_their_chords() -> None:
    def said(idiom: str) -> tuple[float, float]:
        """Tones in a chord, and how often the chord changes from half bar to half bar."""
        chords = plan(False, 0.1, idiom=idiom) + plan(True, -0.9, idiom=idiom)
        moves = [before != after for before, after in pairwise(chords)]
        return float(np.mean([len(chord.tones) for chord in chords])), float(np.mean(moves))

    tones, moves = zip(*map(said, ("drift", "haze", "changes", "dance", "broad")), strict=True)
    assert min(tones[:3]) == 4.0 and max(tones[3:]) == 3.0
    assert moves[0] < moves[1] < moves[2] and moves[4] < moves[3]


def test_a_plan_varies_and_is_the_same_for_the_same_seed() -> None:
    assert plan(True, -0.5) == plan(True, -0.5) != plan(True, -0.5, seed=2)
    chords = plan(False, 0.0)
    phrases = {tuple(chords[half : half + 2 * PHRASE_BARS]) for half in range(0, 320, 2 * PHRASE_BARS)}
    assert len(phrases) > 2


def written(valence: float, tokens: int = 1500, seed: int = 3) -> list[Beat]:
    generator = Generator(*tiny.player(), MANNER, seed)
    return [beat for _ in range(tokens) for beat in generator.advance(valence, 0.2)]


def test_accompaniment_leans_on_the_chord() -> None:
    beats = written(0.3)
    below = [(n.pitch % 12, b.chord[:-1]) for b in beats for n in b.notes if n.role != LEAD]
    inside = sum(pitch in chord for pitch, chord in below) / len(below)
    assert len(below) > 100
    assert inside > 0.5  # three of twelve by chance, three of seven within the scale


def test_odds_of_a_clash_fall_with_valence() -> None:
    held = Cursor(bar=3, tonic=0, minor=False, last=tokens.LEN0, sounding=((64, 48),))
    flat = np.zeros(tokens.VOCABULARY)

    def lead_of_third_over_clash(valence: float) -> float:
        odds = shaped(flat, held, valence, planned(1, 3, False, 0.0))
        third, clash = tokens.note_token(UPPER, 67), tokens.note_token(UPPER, 65)
        return float(odds[third] - odds[clash])

    leads = [lead_of_third_over_clash(valence) for valence in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert leads == sorted(leads) and leads[-1] - leads[0] > 2.0


def test_a_melody_that_stays_is_moved_on() -> None:
    note = tokens.note_token(LEAD, 72)
    cursor = Cursor(bar=3, last=tokens.POS0)
    flat, odds = np.zeros(tokens.VOCABULARY), []
    for _ in range(4):
        odds.append(shaped(flat, cursor, 0.0, planned(1, 3, False, 0.0))[note])
        cursor = cursor.after(note).after(tokens.LEN0)
        cursor = replace(cursor, sounding=())
    assert odds == sorted(odds, reverse=True) and len(set(odds)) == 4
    elsewhere = cursor.after(tokens.note_token(LEAD, 74))
    assert shaped(flat, elsewhere.after(tokens.LEN0), 0.0, planned(1, 3, False, 0.0))[note] > odds[-1]


def test_the_mode_turns_at_the_next_beat() -> None:
    generator = Generator(*tiny.player(), MANNER, seed=3)
    for _ in range(600):
        generator.advance(0.9, 0.0)
    assert generator.key[1] is False

    def coming() -> tuple[Beat, ...]:
        """The next beat, or beats where a rest ends."""
        while not (beats := generator.advance(-0.9, 0.0)):
            pass
        return beats

    before, after = coming(), coming()
    assert after[0].minor and after[0].tonic == before[-1].tonic
