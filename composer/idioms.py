"""What each style's harmony is made of: its chords, and the phrases of four bars that they stand in.

    idiom = IDIOMS["jazz"]
    idiom.phrases(minor=False, strong=True, closes=False)     # ("I9 IV9 I9 ii7/V7", ...)
    CHORDS["V7"].tones                                        # pitch classes above the tonic

A phrase names a chord for each bar, or two with a stroke between them for its two strong places. Every idiom
says its mode the same way: where valence is strong any two bars hold a chord that nobody takes for the other
mode; between, the lesser chords of the key blur it. What differs is how rich a chord is (three tones or
four), how long it stays, and which chords follow which: a style is told by its harmony, whatever affect asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Chord(NamedTuple):
    """Pitch classes above the tonic."""

    tones: tuple[int, ...]
    """Root, third, fifth; in a rich style a fourth tone that always belongs."""
    color: int
    """One more where it is not bright: a sixth or seventh, in the dark one that rubs."""


CHORDS = {
    "I": Chord((0, 4, 7), 9),
    "ii": Chord((2, 5, 9), 0),
    "IV": Chord((5, 9, 0), 2),
    "V": Chord((7, 11, 2), 5),
    "vi": Chord((9, 0, 4), 7),
    "i": Chord((0, 3, 7), 2),
    "i4": Chord((0, 3, 7), 5),
    "ii0": Chord((2, 5, 8), 0),
    "iv": Chord((5, 8, 0), 7),
    "Vb9": Chord((7, 11, 2), 8),
    "VI": Chord((8, 0, 3), 7),
    "vii0": Chord((11, 2, 5), 8),
    # Of four tones. A ninth keeps a bright chord smooth; a major seventh has a semitone in it.
    "I9": Chord((0, 4, 7, 2), 9),
    "IM7": Chord((0, 4, 7, 11), 9),
    "ii7": Chord((2, 5, 9, 0), 4),
    "iii7": Chord((4, 7, 11, 2), 9),
    "IV9": Chord((5, 9, 0, 7), 2),
    "IVM7": Chord((5, 9, 0, 4), 2),
    "V7": Chord((7, 11, 2, 5), 9),
    "V9": Chord((7, 11, 2, 9), 5),
    "vi7": Chord((9, 0, 4, 7), 2),
    "i9": Chord((0, 3, 7, 2), 5),
    "ii07": Chord((2, 5, 8, 0), 7),
    "iv7": Chord((5, 8, 0, 3), 7),
    "V7b9": Chord((7, 11, 2, 5), 8),
    "VIM7": Chord((8, 0, 3, 7), 2),
}

_Phrases = dict[tuple[bool, bool], tuple[str, ...]]
"""By (minor, strong valence)."""


@dataclass(frozen=True)
class Idiom:
    """The phrases of one style, those that stay open and those that close on the tonic."""

    open: _Phrases
    closed: _Phrases

    def phrases(self, minor: bool, strong: bool, closes: bool) -> tuple[str, ...]:
        return (self.closed if closes else self.open)[minor, strong]


SONG = Idiom(
    open={
        (False, True): ("I IV I V", "I I IV V", "I V I IV", "I IV V V"),
        (False, False): ("I vi IV V", "I IV ii V", "I V vi IV", "vi IV I V"),
        (True, False): ("i4 VI iv Vb9", "i4 iv VI Vb9", "i4 iv i4 Vb9", "i4 VI i4 iv"),
        (True, True): ("i iv i vii0", "i ii0 i vii0", "i i iv vii0", "i iv i Vb9"),
    },
    closed={
        (False, True): ("I IV V I", "I V I I", "I IV I I", "I V IV I"),
        (False, False): ("I vi ii I", "IV V vi I", "I ii IV I", "vi ii V I"),
        (True, False): ("i4 iv Vb9 i4", "VI iv Vb9 i4", "i4 VI iv i4", "iv VI Vb9 i4"),
        (True, True): ("i iv i i", "i vii0 i i", "i iv vii0 i", "i ii0 i i"),
    },
)
"""Triads, one a bar: what songs have had for two hundred years."""

DANCE = Idiom(
    open={
        (False, True): ("I I IV V", "I I I V", "I IV I V", "I I V V"),
        (False, False): ("I IV I V", "I I IV V", "I V IV V"),
        (True, False): ("i i iv Vb9", "i iv i Vb9", "i i i Vb9"),
        (True, True): ("i i iv Vb9", "i iv i Vb9", "i i i Vb9"),
    },
    closed={
        (False, True): ("I I V I", "I IV V I", "IV I V I", "I V I I"),
        (False, False): ("IV I V I", "I IV V I", "I V IV I"),
        (True, False): ("i iv Vb9 i", "i i Vb9 i", "iv i Vb9 i"),
        (True, True): ("i iv Vb9 i", "i i Vb9 i", "i Vb9 i i"),
    },
)
"""The three chords of a village band."""

CHANGES = Idiom(
    open={
        (False, True): ("I9 IV9 I9 ii7/V7", "I9 vi7/ii7 I9 V7", "I9 IV9 I9 V7", "I9 ii7/V7 I9 V7"),
        (False, False): (
            "IM7/vi7 ii7/V7 iii7/vi7 ii7/V7",
            "ii7 V7 IM7 vi7",
            "IM7 IVM7 iii7/vi7 ii7/V7",
            "iii7 vi7 ii7 V7",
        ),
        (True, False): ("i9 iv7 ii07 V7b9", "i9/VIM7 ii07/V7b9 i9 ii07/V7b9", "iv7 i9 ii07 V7b9"),
        (True, True): ("i9 ii07/V7b9 i9 V7b9", "i9 iv7 i9 ii07/V7b9", "i9 iv7/V7b9 i9 ii07"),
    },
    closed={
        (False, True): ("I9 ii7/V7 I9 I9", "IV9 I9 ii7/V7 I9", "I9 vi7/ii7 V7 I9"),
        (False, False): ("ii7 V7 IM7 IM7", "IVM7 iii7/vi7 ii7/V7 IM7", "vi7 ii7 V7 IM7"),
        (True, False): ("ii07 V7b9 i9 i9", "iv7 ii07/V7b9 i9 i9", "VIM7 ii07 V7b9 i9"),
        (True, True): ("i9 ii07/V7b9 i9 i9", "iv7 V7b9 i9 i9", "i9 iv7 V7b9 i9"),
    },
)
"""Chords of four tones, turning around by fifths, often two a bar."""

HAZE = Idiom(
    open={
        (False, True): ("I9 IV9 I9 V9", "I9 I9 IV9 V9", "IV9 I9 IV9 I9"),
        (False, False): ("IVM7 iii7 ii7 IM7", "IM7 vi7 IVM7 V9", "ii7 iii7 IVM7 V9"),
        (True, False): ("i9 iv7 VIM7 V7b9", "VIM7 iv7 i9 i9", "i9 VIM7 i9 iv7"),
        (True, True): ("i9 iv7 i9 ii07", "i9 i9 iv7 V7b9", "i9 ii07 i9 V7b9"),
    },
    closed={
        (False, True): ("I9 IV9 V9 I9", "IV9 V9 I9 I9"),
        (False, False): ("IVM7 iii7 ii7 IM7", "ii7 V9 IM7 IM7", "IVM7 V9 vi7 IM7"),
        (True, False): ("iv7 VIM7 i9 i9", "VIM7 V7b9 i9 i9", "i9 iv7 VIM7 i9"),
        (True, True): ("i9 iv7 i9 i9", "iv7 V7b9 i9 i9", "i9 ii07 i9 i9"),
    },
)
"""Sevenths and ninths, one a bar, that lean rather than lead."""

DRIFT = Idiom(
    open={
        (False, True): ("I I I I", "I I IV IV"),
        (False, False): ("I9 I9 IV9 IV9", "I9 vi7 IV9 IV9", "IV9 IV9 I9 I9"),
        (True, False): ("i4 i4 iv7 iv7", "i4 i4 VIM7 iv7", "iv7 iv7 i4 i4"),
        (True, True): ("i9 i9 ii07 i9", "i9 i9 iv7 V7b9"),
    },
    closed={
        (False, True): ("IV IV I I", "I I I I"),
        (False, False): ("IV9 IV9 I9 I9", "IV9 vi7 I9 I9"),
        (True, False): ("iv7 iv7 i4 i4", "VIM7 iv7 i4 i4"),
        (True, True): ("iv7 iv7 i9 i9", "ii07 ii07 i9 i9"),
    },
)
"""Two bars and more to a chord, and hardly a dominant: nothing has to happen."""

VAMP = Idiom(
    open={
        (False, True): ("I IV I V", "I V I IV", "I I IV V"),
        (False, False): ("I vi IV V", "I V vi IV", "I IV vi V"),
        (True, False): ("i4 VI i4 Vb9", "i4 VI iv Vb9", "i4 iv i4 Vb9"),
        (True, True): ("i VI i Vb9", "i i iv Vb9", "i iv i Vb9"),
    },
    closed={
        (False, True): ("I IV V I", "IV V I I"),
        (False, False): ("IV V vi I", "I IV V I"),
        (True, False): ("VI Vb9 i4 i4", "iv VI Vb9 i4"),
        (True, True): ("i iv i i", "i Vb9 i i"),
    },
)
"""Four chords that go round."""

BROAD = Idiom(
    open={
        (False, True): ("I I IV IV", "I I V V", "I I I V"),
        (False, False): ("I I IV IV", "I I vi IV", "I I ii V"),
        (True, False): ("i4 i4 VI iv", "i4 i4 iv iv", "i4 i4 iv Vb9"),
        (True, True): ("i i ii0 i", "i i iv iv", "i i i vii0"),
    },
    closed={
        (False, True): ("IV IV I I", "V V I I", "IV V I I"),
        (False, False): ("ii ii I I", "IV V vi I", "vi V I I"),
        (True, False): ("iv iv i4 i4", "VI Vb9 i4 i4"),
        (True, True): ("iv iv i i", "iv vii0 i i", "ii0 vii0 i i"),
    },
)
"""Triads that stand for two bars: long arches."""

IDIOMS = {
    "song": SONG,
    "dance": DANCE,
    "changes": CHANGES,
    "haze": HAZE,
    "drift": DRIFT,
    "vamp": VAMP,
    "broad": BROAD,
}
