"""The anchor: a preset's name or free text, read once into four fields and held fixed.

    anchor = read_anchor("slow dreamy piano, no drums")
    anchor.preset_name, anchor.genre, anchor.instrumentation, anchor.atmosphere, anchor.pacing
    anchor.understood, anchor.ignored          # what the words were taken for
    anchor.preset                              # the Preset to play, overrides applied

The four fields are NarraScore's (section 3.4). Reading is a keyword lexicon (`composer.lexicon`):
deterministic, explainable, and it says which words meant nothing. The nearest preset is the one most words
vote for: a genre counts 4, an instrument 1, an atmosphere or tempo word that a preset's own fields hold
a half; ties go to the earlier preset.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from composer import lexicon
from composer.errors import AnchorError
from composer.presets import DEFAULT_PRESET, PRESETS, Groove, Part, Preset
from composer.score import BASS, LEAD

MAX_CHARACTERS = 2000
_BPM = re.compile(r"^(\d{2,3}(?:\.\d+)?)$")
_WORD = re.compile(r"[a-z0-9][a-z0-9'/.\-]*")
_BPM_RANGE = (40.0, 200.0)


class AnchorTextError(AnchorError, ValueError):
    """The text cannot be an anchor; the message is a sentence for the user."""


@dataclass(frozen=True)
class Anchor:
    """A style as understood. `preset` carries every override; `preset_name` is where it started from."""

    preset_name: str
    genre: str
    instrumentation: str
    atmosphere: str
    pacing: str
    understood: tuple[str, ...]
    ignored: tuple[str, ...]
    preset: Preset


@dataclass
class _Reading:
    votes: dict[str, float] = field(default_factory=dict)
    genres: list[str] = field(default_factory=list)
    instruments: list[str] = field(default_factory=list)
    banned: list[str] = field(default_factory=list)
    atmospheres: list[str] = field(default_factory=list)
    paces: list[str] = field(default_factory=list)
    groove: str | None = None
    bpm: float | None = None
    bar_steps: int | None = None
    understood: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def vote(self, preset: str, weight: float) -> None:
        self.votes[preset] = self.votes.get(preset, 0.0) + weight


def read_anchor(text: str) -> Anchor:
    """What `text` asks for. Raises AnchorTextError (an AnchorError, a ValueError) if it cannot be read."""
    if not text.strip():
        raise AnchorTextError("The anchor is empty: name a preset or describe the music.")
    if len(text) > MAX_CHARACTERS:
        raise AnchorTextError(f"The anchor has {len(text)} characters; at most {MAX_CHARACTERS} are read.")
    name = text.strip().lower()
    if name in PRESETS:
        preset = PRESETS[name]
        return _anchor(preset, preset, (name,), ())
    reading = _read(_WORD.findall(text.lower()))
    base = PRESETS[_winner(reading)]
    return _anchor(base, _override(base, reading), tuple(reading.understood), tuple(reading.ignored), reading)


def _anchor(
    base: Preset,
    preset: Preset,
    understood: tuple[str, ...],
    ignored: tuple[str, ...],
    reading: _Reading | None = None,
) -> Anchor:
    return Anchor(
        preset_name=base.name,
        genre=preset.genre,
        instrumentation=preset.instrumentation,
        atmosphere=preset.atmosphere,
        pacing=preset.pacing,
        understood=understood,
        ignored=ignored,
        preset=preset,
    )


def _read(words: list[str]) -> _Reading:
    reading = _Reading()
    words = [word.strip("'.-/") or word for word in words]
    at = 0
    while at < len(words):
        at += _take(reading, words, at)
    return reading


def _take(reading: _Reading, words: list[str], at: int) -> int:
    """Reads the longest known phrase at `at`; returns how many words it took."""
    word = words[at]
    if word in lexicon.NEGATIONS and at + 1 < len(words):
        for size in (2, 1):
            phrase = " ".join(words[at + 1 : at + 1 + size])
            if phrase in lexicon.GROOVES:
                reading.groove = "none"
            elif phrase in lexicon.INSTRUMENTS:
                reading.banned.append(lexicon.INSTRUMENTS[phrase][0])
            else:
                continue
            reading.understood.append(f"{word} {phrase}")
            return 1 + size
    if at + 1 < len(words) and words[at + 1] in ("bpm", "beats") and _BPM.match(word):
        return _take_bpm(reading, float(word), f"{word} {words[at + 1]}", 2)
    glued = re.match(r"^(\d{2,3})bpm$", word)
    if glued:
        return _take_bpm(reading, float(glued.group(1)), word, 1)
    for size in (2, 1):
        phrase = " ".join(words[at : at + size])
        if len(words) - at >= size and _known(reading, phrase):
            reading.understood.append(phrase)
            return size
    if word not in lexicon.FILLERS:
        reading.ignored.append(word)
    return 1


def _take_bpm(reading: _Reading, bpm: float, phrase: str, size: int) -> int:
    low, high = _BPM_RANGE
    if low <= bpm <= high:
        reading.bpm = bpm
        reading.understood.append(phrase)
    else:
        reading.ignored.append(phrase)
    return size


def _known(reading: _Reading, phrase: str) -> bool:
    found = False
    if phrase in lexicon.GENRES:
        reading.genres.append(phrase)
        reading.vote(lexicon.GENRES[phrase], 4.0)
        found = True
    if phrase in lexicon.INSTRUMENTS:
        reading.instruments.append(phrase)
        reading.vote(lexicon.INSTRUMENT_HOMES[lexicon.INSTRUMENTS[phrase][0]], 1.0)
        found = True
    if phrase in lexicon.GROOVES:
        reading.groove = lexicon.GROOVES[phrase]
        found = True
    if phrase in lexicon.ATMOSPHERES:
        reading.atmospheres.append(phrase)
        found = True
    if phrase in lexicon.PACES:
        reading.paces.append(phrase)
        found = True
    if phrase in lexicon.METERS:
        reading.bar_steps = lexicon.METERS[phrase]
        found = True
    if found:
        for preset in PRESETS.values():
            if phrase in preset.atmosphere or phrase in preset.pacing:
                reading.vote(preset.name, 0.5)
    return found


def _winner(reading: _Reading) -> str:
    if not reading.votes:
        return DEFAULT_PRESET
    order = list(PRESETS)
    return max(reading.votes, key=lambda name: (reading.votes[name], -order.index(name)))


def _override(base: Preset, reading: _Reading) -> Preset:
    preset = base
    parts = _with_instruments(base.parts, reading)
    cutoff, reverb, width = 1.0, 1.0, 1.0
    for word in reading.atmospheres:
        c, r, w = lexicon.ATMOSPHERES[word]
        cutoff, reverb, width = cutoff * c, reverb * r, width * w
    mix = replace(
        base.mix,
        cutoff_hz=base.mix.cutoff_hz * min(max(cutoff, 0.5), 1.8),
        reverb=min(base.mix.reverb * min(max(reverb, 0.3), 2.0), 0.8),
        width=min(max(base.mix.width * width, 0.6), 1.4),
    )
    low, high = base.tempo_bpm
    if reading.bpm is not None:
        low, high = reading.bpm * 0.8, reading.bpm * 1.25
    factor = 1.0
    for word in reading.paces:
        factor *= lexicon.PACES[word]
    if reading.bpm is None:
        factor = min(max(factor, 0.6), 1.6)
        low, high = low * factor, high * factor
    preset = replace(
        preset,
        parts=parts,
        mix=mix,
        tempo_bpm=(low, high),
        bar_steps=reading.bar_steps or base.bar_steps,
        groove=_groove(base.groove, reading.groove),
    )
    return replace(
        preset,
        genre=_said(reading.genres, base.genre),
        instrumentation=_instrumentation(base, reading),
        atmosphere=_said(reading.atmospheres, base.atmosphere),
        pacing=_pacing(base, reading),
    )


def _said(words: Iterable[str], otherwise: str) -> str:
    unique = tuple(dict.fromkeys(words))
    return ", ".join(unique) if unique else otherwise


def _instrumentation(base: Preset, reading: _Reading) -> str:
    said = _said(reading.instruments, base.instrumentation)
    return f"{said}, no drums" if reading.groove == "none" and base.groove.family != "none" else said


def _pacing(base: Preset, reading: _Reading) -> str:
    said = [*reading.paces]
    if reading.bpm is not None:
        said.append(f"{reading.bpm:g} bpm")
    if reading.bar_steps is not None:
        said.append("three in a bar" if reading.bar_steps == 36 else "four in a bar")
    return _said(said, base.pacing)


def _groove(groove: Groove, asked: str | None) -> Groove:
    if asked is None:
        return groove
    if asked == "none":
        return replace(groove, family="none")
    if asked:
        return replace(groove, family=asked)
    return groove if groove.family != "none" else replace(groove, family="soft")


def _takes(part: Part, places: tuple[str, ...]) -> bool:
    if part.role == LEAD:
        return "lead" in places
    return "bass" in places if part.role == BASS else "chords" in places


def _with_instruments(parts: tuple[Part, ...], reading: _Reading) -> tuple[Part, ...]:
    """The base layers of a role are taken over by the instruments asked for, in the order named."""
    asked = [lexicon.INSTRUMENTS[word] for word in dict.fromkeys(reading.instruments)]
    out: list[Part] = []
    turns: dict[int, int] = {}
    for part in parts:
        fitting = [patch for patch, places in asked if _takes(part, places)]
        if fitting and part.above <= -1.0:
            turn = turns.get(part.role == LEAD, 0) if part.role in (LEAD, BASS) else part.role
            out.append(replace(part, patch=fitting[turn % len(fitting)]))
        elif part.patch in reading.banned:
            continue
        else:
            out.append(part)
    for role in range(4):
        if not any(p.role == role and p.above <= -1.0 and p.below >= 1.0 for p in out):
            # Whatever was banned, each role keeps one voice: the first layer left, or the preset's own.
            left = [p for p in out if p.role == role] or [p for p in parts if p.role == role][:1]
            out = [p for p in out if p is not left[0]]
            out.append(replace(left[0], above=-1.0, below=1.0))
    return tuple(out)
