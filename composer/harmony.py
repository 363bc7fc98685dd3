"""The chord each place leans on: phrases of four bars with a cadence, plain when bright and tense when dark.

    chord = planned(seed=7, bar=12, minor=True, valence=-0.4)
    chord.tones                     # pitch classes above the tonic: (5, 8, 0), the subdominant

The decoder writes the notes; the plan only leans on its odds (`composer.leaning.shaped`), and pads and
arpeggios voice it (`composer.figures`). Which triads say major or minor most clearly, and that diminished
chords and sevenths are heard as tense, is common to textbooks and to listening tests (Krumhansl 1990;
Lahdelma & Eerola 2016). Which chords there are is the style's affair (`composer.idioms`).

Phrases come in pairs: the first stays open, the second closes on the tonic. Strong valence keeps to phrases
of which every two bars by themselves say the mode; between, the lesser chords of the key blur it.
"""

from __future__ import annotations

from functools import lru_cache

from composer.chance import choose
from composer.idioms import CHORDS, IDIOMS, Chord

PHRASE_BARS = 4
_PLAN = 11
"""What `composer.chance` is asked about here."""
_STRONG = 0.4
"""Valence from which on a phrase keeps to the chords that say its mode."""


def planned(
    seed: int, bar: int, minor: bool, valence: float, idiom: str = "song", late: bool = False
) -> Chord:
    """The chord of a bar, from its second strong place on where `late`: a function of the place, the mode and
    how strong valence is there."""
    return _planned(seed, bar, minor, valence < -_STRONG if minor else valence > _STRONG, idiom, late)


@lru_cache(maxsize=64)
def _planned(seed: int, bar: int, minor: bool, strong: bool, idiom: str, late: bool) -> Chord:
    phrase = bar // PHRASE_BARS
    phrases = IDIOMS[idiom].phrases(minor, strong, phrase % 2 == 1)
    # The phrases of four periods share their chords: within them a theme comes back over its own harmony.
    written = phrases[choose(seed, len(phrases), _PLAN, phrase // 8, phrase % 2 + 2 * (phrase % 8 in (4, 5)))]
    halves = written.split()[bar % PHRASE_BARS].split("/")
    return CHORDS[halves[-1] if late else halves[0]]
