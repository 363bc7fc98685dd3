"""The anchor: a preset's name or free text, read once into four fields and held fixed.

    anchor = read_anchor("slow dreamy piano, no drums")
    anchor.preset_name, anchor.genre, anchor.instrumentation, anchor.atmosphere, anchor.pacing
    anchor.understood, anchor.ignored          # what the words were taken for
    anchor.preset                              # the Preset to play, overrides applied

The four fields are NarraScore's (section 3.4). Reading is a keyword lexicon (`composer.lexicon`):
deterministic, explainable, and it says which words meant nothing or cannot be done. `composer.phrases` finds
the words, `composer.wishes` what they wish for, `composer.orchestration` who plays it. The nearest preset is
the one most words vote for: a genre counts 4, what the music is for 2, an instrument 1, an atmosphere or
tempo word that a preset's own fields hold a half; ties go to the earlier preset. What is ruled
out does not vote.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from composer import lexicon
from composer.errors import AnchorError
from composer.orchestration import orchestrated
from composer.presets import DEFAULT_PRESET, PRESETS, Mix, Preset
from composer.wishes import Wishes, wishes_of

MAX_CHARACTERS = 2000


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


def read_anchor(text: str) -> Anchor:
    """What `text` asks for. Raises AnchorTextError (an AnchorError, a ValueError) if it cannot be read."""
    if not text.strip():
        raise AnchorTextError("The anchor is empty: name a preset or describe the music.")
    if len(text) > MAX_CHARACTERS:
        raise AnchorTextError(f"The anchor has {len(text)} characters; at most {MAX_CHARACTERS} are read.")
    name = text.strip().lower()
    if name in PRESETS:
        return _anchor(name, PRESETS[name], (name,), ())
    wishes = wishes_of(text)
    base = PRESETS[_winner(wishes)]
    preset = _override(base, wishes)
    return _anchor(base.name, preset, tuple(wishes.understood), tuple(wishes.ignored))


def _anchor(name: str, preset: Preset, understood: tuple[str, ...], ignored: tuple[str, ...]) -> Anchor:
    return Anchor(
        preset_name=name,
        genre=preset.genre,
        instrumentation=preset.instrumentation,
        atmosphere=preset.atmosphere,
        pacing=preset.pacing,
        understood=understood,
        ignored=ignored,
        preset=preset,
    )


def _winner(wishes: Wishes) -> str:
    if not wishes.votes:
        return DEFAULT_PRESET
    order = list(PRESETS)
    return max(wishes.votes, key=lambda name: (wishes.votes[name], -order.index(name)))


def _override(base: Preset, wishes: Wishes) -> Preset:
    preset = orchestrated(base, wishes)
    implied = [key for key in wishes.implied if key not in wishes.refused]
    atmospheres = wishes.atmospheres or [key for key in implied if key in lexicon.ATMOSPHERES]
    paces = list(wishes.paces)
    if wishes.bpm is None and all(lexicon.PACES[key] == 1.0 for key in paces):
        paces += [key for key in implied if key in lexicon.PACES]
    genres = [key for key in wishes.genres if lexicon.GENRES[key] == base.name]
    return replace(
        preset,
        mix=_mix(base.mix, atmospheres),
        tempo_bpm=_tempo_bpm(base.tempo_bpm, wishes.bpm, paces),
        bar_steps=wishes.bar_steps or base.bar_steps,
        genre=_said(genres, _own_genre(base, preset)),
        atmosphere=_said(atmospheres, base.atmosphere),
        pacing=_pacing(base, preset, paces, wishes),
    )


def _mix(mix: Mix, atmospheres: Iterable[str]) -> Mix:
    cutoff, reverb, width = 1.0, 1.0, 1.0
    for word in atmospheres:
        c, r, w = lexicon.ATMOSPHERES[word]
        cutoff, reverb, width = cutoff * c, reverb * r, width * w
    return replace(
        mix,
        cutoff_hz=mix.cutoff_hz * min(max(cutoff, 0.5), 1.8),
        reverb=min(mix.reverb * min(max(reverb, 0.3), 2.0), 0.8),
        width=min(max(mix.width * width, 0.6), 1.4),
    )


def _tempo_bpm(own: tuple[float, float], bpm: float | None, paces: Iterable[str]) -> tuple[float, float]:
    if bpm is not None:
        return bpm * 0.8, bpm * 1.25
    factor = 1.0
    for word in paces:
        factor *= lexicon.PACES[word]
    factor = min(max(factor, 0.6), 1.6)
    return own[0] * factor, own[1] * factor


def _said(words: Iterable[str], otherwise: str) -> str:
    unique = tuple(dict.fromkeys(words))
    return ", ".join(unique) if unique else otherwise


def _own_genre(base: Preset, preset: Preset) -> str:
    """What follows the comma tells of instruments and tempo: true of the style as it is only."""
    if preset.parts == base.parts and preset.groove == base.groove:
        return base.genre
    return base.genre.partition(",")[0]


def _pacing(base: Preset, preset: Preset, paces: list[str], wishes: Wishes) -> str:
    said = list(paces)
    if wishes.bpm is not None:
        said.append(f"{wishes.bpm:g} bpm")
    if wishes.bar_steps is not None:
        said.append("three in a bar" if wishes.bar_steps == 36 else "four in a bar")
    own = base.pacing
    if preset.groove.family != base.groove.family:
        for words in lexicon.BEATING:
            own = own.replace(words, "")
    return _said(said, own)
