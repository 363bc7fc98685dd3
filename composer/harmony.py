"""The chord each bar leans on: phrases of four bars with a cadence, plain when bright and tense when dark.

    chord = planned(seed=7, bar=12, minor=True, valence=-0.4)
    chord.tones                     # pitch classes above the tonic: (5, 8, 0), the subdominant

The decoder writes the notes; the plan only leans on its odds (`composer.grammar.shaped`), and pads and
arpeggios voice it (`composer.performer`). Which triads say major or minor most clearly, and that diminished
chords and sevenths are heard as tense, is common to textbooks and to listening tests (Krumhansl 1990;
Lahdelma & Eerola 2016).
"""

from __future__ import annotations

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
    """A fourth tone for dark places, a step above the root or a seventh."""


_CHORDS = {
    "I": Chord((0, 4, 7), 2),
    "ii": Chord((2, 5, 9), 0),
    "IV": Chord((5, 9, 0), 7),
    "V": Chord((7, 11, 2), 5),
    "vi": Chord((9, 0, 4), 7),
    "i": Chord((0, 3, 7), 2),
    "ii0": Chord((2, 5, 8), 0),
    "iv": Chord((5, 8, 0), 7),
    "V7": Chord((7, 11, 2), 8),
    "VI": Chord((8, 0, 3), 7),
}

_PHRASES = {
    (False, True): ("I IV I V", "I V IV I", "I IV V I", "IV I V I"),
    (False, False): ("I vi IV V", "I IV ii V", "I V vi IV", "vi IV I V", "I ii IV I"),
    (True, False): ("i VI iv V7", "i iv VI V7", "i iv i VI", "i VI i iv"),
    (True, True): ("i iv i V7", "i ii0 V7 i", "i iv ii0 V7", "i V7 i iv"),
}
"""By (minor, strong valence)."""


def planned(seed: int, bar: int, minor: bool, valence: float) -> Chord:
    """The chord of a bar: a function of the place, the mode and how strong valence is there."""
    strong = valence < -_STRONG if minor else valence > _STRONG
    phrases = _PHRASES[minor, strong]
    phrase = phrases[choose(seed, len(phrases), _PLAN, bar // PHRASE_BARS)]
    return _CHORDS[phrase.split()[bar % PHRASE_BARS]]
