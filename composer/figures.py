"""Figures: what a part makes of a beat's notes and of the harmony, before any of it has a time.

    now = remembered(beat, valence, now)            # the chord and the bass that parts hold, break or repeat
    for note, held in figure(part, beat, arousal, now, seed):
        ...                                         # `composer.performer` gives it a moment and a level

A part plays what was written for it, holds the chord (pad), breaks it (arp), strikes it off the downbeat
(strum), repeats the bass (pulse) or walks along the chord with it (walk); a drone lies under all. Which
places are struck is a hash of the seed; nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from composer.chance import uniform
from composer.presets import Part
from composer.score import BASS, LEAD, UPPER, Beat, Note

_ARP, _PULSE, _WALK, _PATH, _STRUM = range(40, 45)
_KEPT_BARS = 4
"""A figure keeps its places and its direction for so long."""
_SIXTEENTHS_LATER = 0.6
_MOST_AT_ONCE = 3
_BASS_LOW, _BASS_TOP = 33, 48
DRONE_RANGE = (36, 63)
"""Lowest and highest pitch of `drone`."""
_COLOR_UNDER = -0.35
"""Valence under which held and broken chords get a fourth tone that rubs."""


class Harmony(NamedTuple):
    """What sounds now: up to five pitches in the middle register, upwards, and the bass (0: none yet)."""

    chord: tuple[int, ...] = ()
    bass: int = 0


def remembered(beat: Beat, valence: float, before: Harmony) -> Harmony:
    """The harmony of `beat`; `before` goes on where the beat says nothing."""
    low = [n.pitch for n in beat.notes if n.role == BASS]
    bass = _brought_down(min(low)) if low else before.bass
    if beat.chord:
        *tones, color = beat.chord
        chord = _voiced(tones)
        if valence < _COLOR_UNDER:
            # Above middle C: seconds lower down are mud.
            chord = sorted([*chord, 60 + color])
        return Harmony(tuple(chord), bass)
    fresh = sorted({n.pitch for n in beat.notes if n.role not in (LEAD, BASS)})
    if len(fresh) < 2:
        fresh = sorted({*fresh, *(n.pitch for n in beat.notes if n.role == LEAD), *low})
    if not fresh or (len(fresh) == 1 and before.chord and beat.position):
        return Harmony(before.chord, bass)
    return Harmony(tuple(_voiced(fresh)[:4]), bass)


def figure(part: Part, beat: Beat, arousal: float, now: Harmony, seed: int) -> list[tuple[Note, bool]]:
    """The notes this part plays in this beat; True marks those held without articulation."""
    if part.figure == "played":
        return [(n, False) for n in _thinned([n for n in beat.notes if n.role == part.role], part.role)]
    if part.figure == "pulse":
        return _pulse(beat, arousal, now.bass, seed)
    if part.figure == "walk":
        return _walk(beat, arousal, now, seed)
    if part.figure == "strum":
        return _strum(part, beat, arousal, now.chord, seed)
    if part.figure == "arp":
        return _arpeggio(part, beat, arousal, now.chord, seed)
    return _pad(part, beat, now)


def drone(beat: Beat) -> tuple[int, ...]:
    """Pitches that lie under the bar: a pedal, and over the tonic's chord its tenth."""
    # A pedal, but not for ever: it moves to the root of a chord that the tonic is not in.
    home = not beat.chord or beat.tonic in beat.chord[:3]
    pedal = 36 + (beat.tonic if home else beat.chord[0]) % 12
    if beat.chord and beat.chord[0] == beat.tonic:
        # The fifth partial of a low tonic is a major third: a minor tenth above says otherwise.
        return pedal, pedal + 12 + (beat.chord[1] - beat.tonic) % 12
    return (pedal,)


def _pad(part: Part, beat: Beat, now: Harmony) -> list[tuple[Note, bool]]:
    """Chords held for half a bar (a whole one in three), bass notes likewise."""
    half = beat.bar_steps // 2 if beat.bar_steps % 24 == 0 else beat.bar_steps
    if beat.position % half:
        return []
    if part.role == BASS:
        return [(Note(0, half, now.bass, BASS), True)] if now.bass else []
    # UPPER takes the top of the chord, any other role the lower part: of a chord of three they share two.
    chosen = now.chord[-2:] if part.role == UPPER else now.chord[:3]
    return [(Note(0, half, pitch, part.role), True) for pitch in chosen]


def _arpeggio(
    part: Part, beat: Beat, arousal: float, chord: tuple[int, ...], seed: int
) -> list[tuple[Note, bool]]:
    """The chord broken: in eighths, and of the sixteenths between them as many as arousal asks."""
    if not chord:
        return []
    path = (*chord, chord[0] + 12) if len(chord) < 4 else chord
    turn = 2 * len(path) - 2
    shape = (beat.bar // _KEPT_BARS) % 3
    places = _struck(seed, beat, _ARP, 6, 0.0, arousal)
    out: list[tuple[Note, bool]] = []
    for index, (place, until) in enumerate(zip(places, [*places[1:], beat.bar_steps], strict=True)):
        if beat.position <= place < beat.position + beat.steps:
            at = index % turn if turn else 0
            up_down = at if at < len(path) else turn - at
            which = (index % len(path), up_down, len(path) - 1 - index % len(path))[shape]
            out.append((Note(place - beat.position, until - place, path[which], part.role), False))
    return out


def _pulse(beat: Beat, arousal: float, pitch: int, seed: int) -> list[tuple[Note, bool]]:
    """The bass note repeated: quarters when calm, then eighths, then a sixteenth before the beat."""
    if not pitch:
        return []
    while pitch > 47:
        pitch -= 12
    struck = _struck(seed, beat, _PULSE, 12, -0.65, arousal)
    places = [place for place in struck if place % 6 == 0 or place % 12 == 9]
    out: list[tuple[Note, bool]] = []
    for place, length in _in_beat(beat, places):
        octave = 12 if place % 6 and beat.bar % 2 else 0
        out.append((Note(place - beat.position, length, pitch + octave, BASS), False))
    return out


def _walk(beat: Beat, arousal: float, now: Harmony, seed: int) -> list[tuple[Note, bool]]:
    """The bass in quarters, from each chord's root through its tones: in two when calm, in four from -0.1 on,
    and with a skip before the beat when excited. The chord's own bass where none was planned."""
    tones = beat.chord[:-1] or ((now.bass,) if now.bass else ())
    if not tones:
        return []
    places = [p for p in _struck(seed, beat, _WALK, 24, -0.9, arousal) if p % 12 == 0]
    skips = _struck(seed, beat, _WALK, 12, 0.1, arousal)
    places = sorted({*places, *(p + 2 for p in skips if p % 12 == 6)})
    # One way through the chord for a bar: up, or down from the octave.
    down = uniform(seed, _PATH, beat.bar) < 0.5
    root = _BASS_LOW + (tones[0] - _BASS_LOW) % 12
    path = sorted({root + (tone - tones[0]) % 12 for tone in tones})
    path = [root, *(pitch - 12 for pitch in reversed(path[1:]))] if down else path
    out: list[tuple[Note, bool]] = []
    for place, length in _in_beat(beat, places):
        pitch = path[(place - beat.chord_from) // 12 % len(path)]
        pitch += 12 * (pitch < _BASS_LOW)
        out.append((Note(place - beat.position, length, pitch, BASS), False))
    return out


def _strum(
    part: Part, beat: Beat, arousal: float, chord: tuple[int, ...], seed: int
) -> list[tuple[Note, bool]]:
    """The chord struck on the beats that the bass leaves free, and between them as arousal asks."""
    places = [p for p in _struck(seed, beat, _STRUM, 12, 0.0, arousal) if p and p % 6 == 0]
    if beat.bar_steps % 24 == 0:
        places = [p for p in places if p != beat.bar_steps // 2]
    out: list[tuple[Note, bool]] = []
    for place, length in _in_beat(beat, places):
        struck = chord if place % 12 == 0 else chord[-2:]
        out += [(Note(place - beat.position, length, pitch, part.role), False) for pitch in struck[:3]]
    return out


def _in_beat(beat: Beat, places: list[int]) -> list[tuple[int, int]]:
    """Those of a bar's `places` that lie in `beat`, each with its steps to the next."""
    spans = zip(places, [*places[1:], beat.bar_steps], strict=True)
    end = beat.position + beat.steps
    return [(place, until - place) for place, until in spans if beat.position <= place < end]


def _struck(seed: int, beat: Beat, lane: int, unit: int, above: float, arousal: float) -> list[int]:
    """Places of the bar on every `unit`, and the places between as arousal grows over `above`.

    Each comes in at a level of its own, eighths before sixteenths, the same for `_KEPT_BARS`: a figure fills
    up and empties, where one threshold would have it flutter between two speeds.
    """
    places = []
    for place in range(0, beat.bar_steps, 3):
        later = 0.0 if place % 6 == 0 else _SIXTEENTHS_LATER * (unit > 6)
        comes_at = above + later + 0.8 * uniform(seed, lane, beat.bar // _KEPT_BARS, place)
        if place % unit == 0 or arousal > comes_at:
            places.append(place)
    return places


def _thinned(notes: Sequence[Note], role: int) -> list[Note]:
    """At most `_MOST_AT_ONCE` notes at a time; of the bass the lowest, brought down to where a bass belongs.

    The songs it learned from have a left hand of chords: on an orchestra's bass they are mud, and when the
    hand moves up there is no bass at all.
    """
    if role == LEAD:
        return list(notes)
    out: list[Note] = []
    for step in sorted({note.step for note in notes}):
        chord = sorted((note for note in notes if note.step == step), key=lambda note: note.pitch)
        if role == BASS:
            out.append(chord[0]._replace(pitch=_brought_down(chord[0].pitch)))
        else:
            out.extend(chord[-_MOST_AT_ONCE:] if role == UPPER else chord[:_MOST_AT_ONCE])
    return out


def _brought_down(pitch: int) -> int:
    """By octaves, to `_BASS_TOP` at most."""
    return pitch - 12 * max(-(-(pitch - _BASS_TOP) // 12), 0)


def _voiced(pitches: Sequence[int]) -> list[int]:
    """Each pitch class once, upwards, between E3 and D5."""
    voiced: dict[int, int] = {}
    for pitch in pitches:
        while pitch < 52:
            pitch += 12
        while pitch > 74:
            pitch -= 12
        voiced.setdefault(pitch % 12, pitch)
    return sorted(voiced.values())
