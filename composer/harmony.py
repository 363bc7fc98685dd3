"""The chord each bar leans on: phrases of four bars with a cadence, plain when bright and tense when dark.

    chord = planned(seed=7, bar=12, minor=True, valence=-0.4)
    chord.tones                     # pitch classes above the tonic: (5, 8, 0), the subdominant

The decoder writes the notes; the plan only leans on its odds (`composer.leaning.shaped`), and pads and
arpeggios voice it (`composer.figures`). Which triads say major or minor most clearly, and that diminished
chords and sevenths are heard as tense, is common to textbooks and to listening tests (Krumhansl 1990;
Lahdelma & Eerola 2016).

Phrases come in pairs: the first stays open, the second closes on the tonic. Strong valence keeps to phrases
of which every two bars by themselves say the mode; between, the lesser chords of the key blur it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from composer.chance import choose

PHRASE_BARS = 4
_PLAN = 11
"""What `composer.chance` is asked about here."""
_STRONG = 0.4
"""Valence from which on a phrase keeps to the chords that say its mode."""


class Chord(NamedTuple):
    """Pitch classes above the tonic."""

    tones: tuple[int, int, int]
    """Root, third, fifth."""
    color: int
    """A fourth tone where it is not bright: a sixth or seventh, in the dark one that rubs."""


_CHORDS = {
    "I": Chord((0, 4, 7), 9),
    "ii": Chord((2, 5, 9), 0),
    "IV": Chord((5, 9, 0), 2),
    "V": Chord((7, 11, 2), 5),
    "vi": Chord((9, 0, 4), 7),
    "i": Chord((0, 3, 7), 2),
    "i4": Chord((0, 3, 7), 5),
    "ii0": Chord((2, 5, 8), 0),
    "iv": Chord((5, 8, 0), 7),
    "V7": Chord((7, 11, 2), 8),
    "VI": Chord((8, 0, 3), 7),
    "vii0": Chord((11, 2, 5), 8),
}

_OPEN = {
    (False, True): ("I IV I V", "I I IV V", "I V I IV", "I IV V V"),
    (False, False): ("I vi IV V", "I IV ii V", "I V vi IV", "vi IV I V"),
    (True, False): ("i4 VI iv V7", "i4 iv VI V7", "i4 iv i4 V7", "i4 VI i4 iv"),
    (True, True): ("i iv i vii0", "i ii0 i vii0", "i i iv vii0", "i iv i V7"),
}
_CLOSED = {
    (False, True): ("I IV V I", "I V I I", "I IV I I", "I V IV I"),
    (False, False): ("I vi ii I", "IV V vi I", "I ii IV I", "vi ii V I"),
    (True, False): ("i4 iv V7 i4", "VI iv V7 i4", "i4 VI iv i4", "iv VI V7 i4"),
    (True, True): ("i iv i i", "i vii0 i i", "i iv vii0 i", "i ii0 i i"),
}
"""By (minor, strong valence)."""


def planned(seed: int, bar: int, minor: bool, valence: float) -> Chord:
    """The chord of a bar: a function of the place, the mode and how strong valence is there."""
    return _planned(seed, bar, minor, valence < -_STRONG if minor else valence > _STRONG)


@lru_cache(maxsize=64)
def _planned(seed: int, bar: int, minor: bool, strong: bool) -> Chord:
    phrase = bar // PHRASE_BARS
    phrases = (_CLOSED if phrase % 2 else _OPEN)[minor, strong]
    # The phrases of four periods share their chords, so that a theme comes back over its own harmony.
    written = phrases[choose(seed, len(phrases), _PLAN, phrase // 8, phrase % 2 + 2 * (phrase % 8 in (4, 5)))]
    return _CHORDS[written.split()[bar % PHRASE_BARS]]
