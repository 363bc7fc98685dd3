"""What a text wishes for: its phrases sorted into genres, instruments, moods, paces, and what it rules out.

    wishes = wishes_of("slow piano without any drums or bass, not too dark")
    wishes.paces, wishes.instruments          # [slow], [piano]
    wishes.banned, wishes.beatless            # [no bass], [no drums]
    wishes.ignored                            # ["not too dark"]: it votes for nothing, and cannot be played

A negation takes the next phrase with it, over words that say nothing ("any", "the"), and those that "or" and
"nor" add; it ends at a comma. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from composer import lexicon
from composer.phrases import BREAK, KNOWN, Phrase, Word, longest, words_of
from composer.presets import PRESETS

GENRE, SCENE, INSTRUMENT, HALF = 4.0, 2.0, 1.0, 0.5
"""What a word of each kind votes with; HALF is of a mood or pace that a preset's own fields hold."""
_BPM_RANGE = (40.0, 200.0)
_NUMBER = re.compile(r"(\d{2,3}(?:\.\d+)?)(?:-(\d{2,3}(?:\.\d+)?))?")
_GLUED = re.compile(_NUMBER.pattern + "bpm")
_SKIPPED = lexicon.NEGATION_FILLERS | lexicon.FILLERS - {"or", "but", "and"}


@dataclass
class Wishes:
    """Phrases in the order said. `understood` and `ignored` are what the user is told."""

    votes: dict[str, float] = field(default_factory=dict)
    genres: list[str] = field(default_factory=list)
    implied: list[str] = field(default_factory=list)
    instruments: list[Phrase] = field(default_factory=list)
    banned: list[Phrase] = field(default_factory=list)
    atmospheres: list[str] = field(default_factory=list)
    paces: list[str] = field(default_factory=list)
    grooves: list[Phrase] = field(default_factory=list)
    beatless: list[Phrase] = field(default_factory=list)
    fewer_drums: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Keys that were wished away: what a genre implies of them is left out."""
    bpm: float | None = None
    bar_steps: int | None = None
    understood: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def vote(self, preset: str, weight: float) -> None:
        """Counts towards the preset to start from."""
        self.votes[preset] = self.votes.get(preset, 0.0) + weight

    def take_back(self, said: str) -> None:
        """It was understood, and cannot be done."""
        if said in self.understood:
            self.understood.remove(said)
            self.ignored.append(said)


def wishes_of(text: str) -> Wishes:
    """Reads `text`. What has no word at all is said to have none."""
    wishes = Wishes()
    words = words_of(text)
    if all(word == BREAK for word in words):
        wishes.ignored.append(f"{' '.join(text.split())[:40]} (no words)")
    at = 0
    while at < len(words):
        at = _take(wishes, words, at)
    wishes.understood = list(dict.fromkeys(wishes.understood))
    wishes.ignored = list(dict.fromkeys(wishes.ignored))
    return wishes


def _take(wishes: Wishes, words: Sequence[Word], at: int) -> int:
    """Reads what begins at `at`; returns where the next begins."""
    if words[at] == BREAK:
        return at + 1
    tempo = _tempo(words, at)
    if tempo is not None:
        bpm, end = tempo
        _tell(wishes, _said(words, at, end), _set_bpm(wishes, bpm))
        return end
    for size in (2, 1):
        if " ".join(word.key for word in words[at : at + size]) in lexicon.NEGATIONS:
            end = _negation(wishes, words, at, size)
            if end:
                return end
    phrase = longest(words, at)
    if words[at].key in lexicon.REDUCTIONS and at + 1 < len(words):
        less = longest(words, at + 1)
        if less is not None:
            said = f"{words[at].said} {less.said}"
            if less.key in lexicon.GROOVES:
                wishes.fewer_drums.append(said)
            _tell(wishes, said, less.key in lexicon.GROOVES)
            return at + 1 + less.size
    if phrase is None:
        if words[at].key not in lexicon.FILLERS:
            wishes.ignored.append(words[at].said)
        return at + 1
    end = at + phrase.size
    if _played(phrase) and end < len(words) and words[end].key in lexicon.NEGATED_AFTER:
        said = _said(words, at, end + 1)
        _refuse(wishes, Phrase(said, phrase.key, phrase.size + 1))
        return end + 1
    _wish(wishes, phrase)
    return end


def _said(words: Sequence[Word], at: int, end: int) -> str:
    return " ".join(word.said for word in words[at:end])


def _tell(wishes: Wishes, said: str, understood: bool) -> None:
    (wishes.understood if understood else wishes.ignored).append(said)


def _played(phrase: Phrase) -> bool:
    return phrase.key in lexicon.INSTRUMENTS or phrase.key in lexicon.GROOVES


def _tempo(words: Sequence[Word], at: int) -> tuple[float, int] | None:
    """Quarters per minute said at `at`, of a range its middle; and where the saying ends."""
    keys = [word.key for word in words[at : at + 5]]
    glued = _GLUED.fullmatch(keys[0])
    if glued:
        return _middle(*glued.groups()), at + 1
    if keys[0] in ("bpm", "tempo"):
        ahead = 2 if keys[1:2] and keys[1] in ("of", "at", "is") else 1
        number = _NUMBER.fullmatch(keys[ahead]) if len(keys) > ahead else None
        if number is None:
            return None
        end = ahead + 1
        return _middle(*number.groups()), at + end + (keys[end : end + 1] == ["bpm"])
    number = _NUMBER.fullmatch(keys[0])
    if number is None:
        return None
    until = _NUMBER.fullmatch(keys[2]) if len(keys) > 2 and keys[1] in ("to", "or") else None
    low, high, end = number[1], number[2], 1
    if until is not None:
        high, end = until[2] or until[1], 3
    if keys[end : end + 1] == ["bpm"]:
        return _middle(low, high), at + end + 1
    if keys[end : end + 3] == ["beats", "per", "minute"]:
        return _middle(low, high), at + end + 3
    return None


def _middle(low: str, high: str | None) -> float:
    return (float(low) + float(high or low)) / 2.0


def _set_bpm(wishes: Wishes, bpm: float) -> bool:
    low, high = _BPM_RANGE
    if not low <= bpm <= high:
        return False
    wishes.bpm = bpm
    return True


def _negation(wishes: Wishes, words: Sequence[Word], at: int, size: int) -> int:
    """Rules out what the negation at `at` speaks of; 0 if it speaks of nothing."""
    negation = _said(words, at, at + size)
    loose = words[at].key in lexicon.LOOSE_NEGATIONS
    start = at + size
    if start < len(words) and words[start].key in ("only", "just"):
        return start + 1
    found = _item(words, start, loose)
    if found is None:
        while start < len(words) and words[start].key in _SKIPPED:
            start += 1
        if start >= len(words) or words[start].key in lexicon.NEGATIONS | {"and", "but", BREAK.key}:
            return 0
        tempo = _tempo(words, start)
        end = tempo[1] if tempo else start + 1
        wishes.ignored.append(_said(words, at, end))
        return end
    phrase, end = found
    _refuse(wishes, Phrase(f"{negation} {phrase.said}", phrase.key, end - at))
    return _others(wishes, words, end, loose, negation)


def _others(wishes: Wishes, words: Sequence[Word], at: int, loose: bool, negation: str) -> int:
    """Goes on over "or" and "nor"."""
    while at < len(words) and words[at].key in ("or", "nor"):
        found = _item(words, at + 1, loose)
        if found is None:
            break
        phrase, at = found
        _refuse(wishes, Phrase(f"{negation} {phrase.said}", phrase.key, phrase.size))
    return at


def _item(words: Sequence[Word], at: int, loose: bool) -> tuple[Phrase, int] | None:
    """The phrase that is ruled out at `at`, with the words passed over before it, and where it ends."""
    start = at
    while at < len(words):
        phrase = longest(words, at)
        if phrase is not None:
            end = at + phrase.size
            said = f"{_said(words, start, at)} {phrase.said}".strip()
            if not loose and not _played(phrase) and phrase.key not in lexicon.METERS:
                # "no jazz drums", "no soft piano": it is the instrument that is ruled out.
                thing = longest(words, end) if end < len(words) else None
                if thing is not None and _played(thing):
                    return Phrase(f"{said} {thing.said}", thing.key, 0), end + thing.size
            return Phrase(said, phrase.key, end - start), end
        word = words[at]
        passed = word.key in lexicon.ADJECTIVES and not loose
        if not passed and word.key not in _SKIPPED:
            return None
        at += 1
    return None


def _refuse(wishes: Wishes, phrase: Phrase) -> None:
    wishes.refused.add(phrase.key)
    if phrase.key in lexicon.GROOVES:
        wishes.beatless.append(phrase)
    elif phrase.key in lexicon.INSTRUMENTS:
        wishes.banned.append(phrase)
    _tell(wishes, phrase.said, _played(phrase))


def _wish(wishes: Wishes, phrase: Phrase) -> None:
    key = phrase.key
    assert key in KNOWN
    if key in lexicon.GENRES:
        wishes.genres.append(key)
        wishes.vote(lexicon.GENRES[key], GENRE)
    if key in lexicon.SCENES:
        wishes.vote(lexicon.SCENES[key], SCENE)
    if key in lexicon.INSTRUMENTS:
        wishes.instruments.append(phrase)
        wishes.vote(lexicon.INSTRUMENT_HOMES[lexicon.INSTRUMENTS[key][0]], INSTRUMENT)
    wishes.implied += lexicon.IMPLIED.get(key, ())
    if lexicon.GROOVES.get(key) == "none":
        wishes.beatless.append(phrase)
    elif key in lexicon.GROOVES:
        wishes.grooves.append(phrase)
    if key in lexicon.ATMOSPHERES:
        wishes.atmospheres.append(key)
    if key in lexicon.PACES:
        wishes.paces.append(key)
    wishes.bar_steps = lexicon.METERS.get(key, wishes.bar_steps)
    wishes.understood.append(phrase.said)
    # "beat" stands in "no beat": words of drums say nothing of a preset's moods.
    if key not in lexicon.GROOVES:
        whole = re.compile(rf"\b{re.escape(key)}\b")
        for preset in PRESETS.values():
            if whole.search(preset.atmosphere) or whole.search(preset.pacing):
                wishes.vote(preset.name, HALF)
