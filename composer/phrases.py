"""The words of a text, and which of the lexicon's phrases begin where.

    words = words_of("Rápido lofi-beats, no drums")
    longest(words, 0)          # Phrase(said="rápido", key="fast", size=1)

A word is letters, marks and digits of any script. What joins two words (a hyphen, a slash) stays inside
where the whole is known (`lo-fi`, `3/4`) and parts them where a part is (`lofi/jazz`). The end of a clause
is a word of its own, `BREAK`, and no phrase reaches over it. Pure functions.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from composer import lexicon

MOST_WORDS = 3
"""Of a phrase."""
_TABLES: tuple[dict[str, object], ...] = tuple(
    dict(table)
    for table in (
        lexicon.GENRES,
        lexicon.SCENES,
        lexicon.INSTRUMENTS,
        lexicon.GROOVES,
        lexicon.ATMOSPHERES,
        lexicon.PACES,
        lexicon.METERS,
    )
)
KNOWN = frozenset(key for table in _TABLES for key in table)
"""Every phrase that means something about music."""
_LONG_ENOUGH = 6
_LIKENESS = 0.85
_SPELT = sorted(
    key
    for key in (*KNOWN, *(key for key, meant in lexicon.ALIASES.items() if meant in KNOWN))
    if len(key) >= _LONG_ENOUGH - 1 and key.isascii() and " " not in key
)
_JOINERS = "'-/+.&"
_BREAKS = ",;.!?()\n|"
_NUMERIC = re.compile(r"\d+(?:[-.]\d+)*(?:bpm)?")
_RANGE = re.compile(r"(?<=\d) {0,2}- {0,2}(?=\d)")
_QUOTES, _DASHES = "\u2018\u2019", "\u2010\u2011\u2013\u2014\u2212"
_SAME = str.maketrans(dict.fromkeys(_QUOTES, "'") | dict.fromkeys(_DASHES, "-"))


class Word(NamedTuple):
    """As it was written, in lower case, and as the tables spell it."""

    said: str
    key: str


BREAK = Word(",", ",")
OR = Word("or", "or")


class Phrase(NamedTuple):
    """What was `said`, the table's `key`, and how many words it is."""

    said: str
    key: str
    size: int


def words_of(text: str) -> list[Word]:
    """The words of `text` in order, clauses parted by BREAK."""
    out: list[Word] = []
    text = unicodedata.normalize("NFC", text).translate(_SAME).lower()
    for token in _tokens(_RANGE.sub("-", text)):
        if token == BREAK.said:
            out.append(BREAK)
        else:
            out.extend(_parted(token))
    return out


def _tokens(text: str) -> list[str]:
    out: list[str] = []
    token = ""
    for at, sign in enumerate(text):
        kind = unicodedata.category(sign)[0]
        after = text[at + 1] if at + 1 < len(text) else " "
        joins = (
            sign in _JOINERS and token and after.isalnum() and (sign != "." or (token[-1] + after).isdigit())
        )
        if kind in "LN" or (token and (joins or kind == "M" or sign in "\u200c\u200d")):
            token += sign
            continue
        if token:
            out.append(token)
            token = ""
        if sign == "&":
            out.append(sign)
        elif sign in _BREAKS or (kind == "P" and ord(sign) > 127):
            out.append(BREAK.said)
    return [*out, token] if token else out


def _folded(word: str) -> str:
    """Latin letters without their accents; other scripts as they are."""
    out = []
    for sign in unicodedata.normalize("NFKC", word):
        plain = unicodedata.normalize("NFKD", sign)[0]
        out.append(plain if plain.isascii() else sign)
    return "".join(out)


def _word(said: str) -> Word:
    key = _folded(said)
    return Word(said, lexicon.ALIASES.get(key, key))


def _means(key: str) -> bool:
    return (
        key in KNOWN
        or key in lexicon.FILLERS
        or key in lexicon.NEGATIONS
        or lexicon.ALIASES.get(key, key) in KNOWN
        or _NUMERIC.fullmatch(key) is not None
    )


def _parted(token: str) -> list[Word]:
    """One word, or the parts of a compound of which at least one means something."""
    whole = _word(token)
    if _means(whole.key):
        return [whole]
    for sign in "/+&-":
        parts = [part for part in token.split(sign) if part]
        if len(parts) < 2:
            continue
        words = [_parted(part) for part in parts]
        keys = [word.key for each in words for word in each]
        if any(key in KNOWN for key in keys) or lexicon.ALIASES.get(" ".join(keys), " ".join(keys)) in KNOWN:
            out = list(words[0])
            for each in words[1:]:
                # What stands on both sides of a slash shares a "no".
                out += [OR, *each] if sign == "/" else each
            return out
    return [whole]


def longest(words: Sequence[Word], at: int) -> Phrase | None:
    """The longest phrase of the tables that begins at `at`; a long word may be one slip away from it."""
    for size in range(min(MOST_WORDS, len(words) - at), 0, -1):
        part = words[at : at + size]
        key = " ".join(word.key for word in part)
        key = lexicon.ALIASES.get(key, key)
        if key in KNOWN:
            return Phrase(" ".join(word.said for word in part), key, size)
    word = words[at]
    meant = "" if word.key in lexicon.FILLERS or word.key in lexicon.NEGATIONS else _near(word.key)
    return Phrase(f"{word.said} (as {meant})", lexicon.ALIASES.get(meant, meant), 1) if meant else None


@lru_cache(maxsize=1024)
def _near(key: str) -> str:
    """The word `key` is a slip away from, or nothing."""
    if len(key) < _LONG_ENOUGH or not key.isascii():
        return ""
    like = [each for each in _SPELT if abs(len(each) - len(key)) <= 1 and each[0] == key[0]]
    return next(iter(difflib.get_close_matches(key, like, 1, _LIKENESS)), "")
