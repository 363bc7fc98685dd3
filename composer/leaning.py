"""How the model's odds are leaned on before a token is drawn: to the mode, the chord, and the tune's line.

Pulls in nats, none of them a wall: what the model is sure of still happens. A bar's key is where valence is
most clearly heard (Gabrielsson & Lindstrom 2010: mode is the clearest cue of valence, consonance another), so
both get a push of their own beside the adapter.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from composer import tokens
from composer.grammar import IN_RANGE, NOTE_PITCHES, NOTE_ROLES, Asked, Cursor, Logits
from composer.idioms import Chord
from composer.score import BASS, LEAD, MIDDLE, UPPER
from composer.tokens import ROLES

_MODE_PULL = 8.0
_STAY_IN_KEY = 2.0
_CONSONANCE_PULL = 1.4
_REPEAT_PRICE = 0.5
"""Nats against the melody's last pitch for each time in a row it has come: leaning on chord tones, it would
stay on one."""
_STRUCK_PRICE = 0.7
"""Nats against a pitch of the inner voices for each of its last few strikes: chords are broken."""

_MAJOR_SCALE = frozenset((0, 2, 4, 5, 7, 9, 11))
_MINOR_SCALE = frozenset((0, 2, 3, 5, 7, 8, 11))
"""Harmonic minor: the seventh of natural minor belongs to the relative major, and would be heard as it."""

_OF_CHORD = {
    LEAD: (0.24, 0.32, 0.22),
    UPPER: (0.26, 0.42, 0.26),
    MIDDLE: (0.26, 0.42, 0.26),
    BASS: (0.68, 0.10, 0.18),
}
"""Planned shares of root, third and fifth, by role; the rest of the scale has what is left. The third says
which mode this is."""
_FOURTH = {LEAD: 0.16, UPPER: 0.28, MIDDLE: 0.24, BASS: 0.03}
"""What a fourth tone has of that, where a chord has one."""
_ON_BEAT = (0.26, 0.38, 0.26)
"""The melody's on a beat."""
_ENDING, _CLOSING = (0.38, 0.38, 0.20), (0.70, 0.22, 0.04)
"""At an open and a closed end of its phrase."""
_TRUST = {LEAD: 0.7, UPPER: 0.8, MIDDLE: 0.8, BASS: 0.8}
"""How far the plan's shares of the degrees replace the model's own, which hold on to the mode that was."""
_FOREIGN = 0.004
"""Share of each degree outside the scale."""
_MISSING_PULL = 0.8
"""Nats for a tone of the chord that nobody sounds: chords are voiced whole."""
_COLOR_PULL = 1.6
"""What dark valence adds to the chord's fourth tone."""
_ABOVE_PRICE = 0.3
"""Nats against an inner voice for each semitone it lies over the tune's line."""
_LINE_WIDTH = 2.5
"""Semitones about the tune's line within which the melody costs half a nat."""
_LEAP = 5
"""An interval wider than this is a leap: it costs, and wants a step back."""

_BY_INTERVAL_CLASS = (0.0, -1.428, -0.582, 0.594, 0.594, 0.594, -0.453)
_CONSONANCE = np.array([_BY_INTERVAL_CLASS[min(gap, 12 - gap)] for gap in range(12)])
"""By interval in semitones modulo 12, after Huron (1994), but fourths and fifths no more than thirds: they
would push out the thirds, and with them the mode."""

_IS_INNER = ((NOTE_ROLES == UPPER) | (NOTE_ROLES == MIDDLE)).astype(np.float64)
_LEAD_NOTES = slice(LEAD * tokens.PITCHES, (LEAD + 1) * tokens.PITCHES)
_LEAD_PITCHES = NOTE_PITCHES[_LEAD_NOTES].astype(np.float64)
_PLAYABLE = IN_RANGE.reshape(ROLES, -1)

# What does not change from token to token is reckoned once: here, or by `_planned_logs`.
_CLASSES = NOTE_PITCHES.reshape(ROLES, -1)[0] % 12
_BY_CLASS = np.eye(12)[_CLASSES]
"""(pitches, 12): 1 where a pitch belongs to a class."""
_DEGREES = np.array([(NOTE_PITCHES - tonic) % 12 for tonic in range(12)])
"""(12, ROLES * pitches): how far above each tonic a note lies."""
_AGAINST = np.array([_CONSONANCE[(np.arange(12) - pitch) % 12] for pitch in range(12)])
"""(12, 12): how well a class sounds with each other."""
_ALL_CLASSES = NOTE_PITCHES % 12
_TRUSTS = np.array([[_TRUST[role]] for role in range(ROLES)])
_INNER_ABOVE = _ABOVE_PRICE * _IS_INNER.reshape(ROLES, -1)[:BASS]


def shaped(
    logits: Logits, cursor: Cursor, valence: float, chord: Chord, asked: Asked | None = None
) -> Logits:
    """Logits with the mode drawn by valence; notes to the scale, the chord, to consonance or from it, and
    the melody to its line, where there is a plan. As they are where no note may follow."""
    out = logits.copy()
    if tokens.is_bar(cursor.last):
        keys = out[tokens.KEY0 : tokens.POS0]
        keys[0::2] += _MODE_PULL * valence
        keys[1::2] -= _MODE_PULL * valence
        if cursor.bar > 0:
            keys[2 * cursor.tonic + int(cursor.minor)] += _STAY_IN_KEY
    elif cursor.bar >= 0 and not (tokens.is_key(cursor.last) or tokens.is_note(cursor.last)):
        notes = out[tokens.NOTE0 : tokens.LEN0].reshape(ROLES, -1)
        shares = _log_sums(notes)
        if asked is not None:
            notes[LEAD] += _line_bias(cursor, asked)
            notes[:BASS] -= _INNER_ABOVE * _above(asked.lead_at)
        notes += _to_degrees(notes, cursor, chord, asked)
        notes += _note_bias(cursor, valence, chord).reshape(ROLES, -1)
        # Which part plays next is the model's affair: a pull to the chord must not make the melody rarer.
        notes += (shares - _log_sums(notes))[:, None]
    return out


def _to_degrees(notes: Logits, cursor: Cursor, chord: Chord, asked: Asked | None) -> Logits:
    """(ROLES, pitches): nats that bring each part's shares of the twelve degrees to the plan's.

    Not a pull that is the same for every chord tone: the model would go on with the thirds of the mode that
    has just been left. Octave, voicing and what is not planned stay its own.
    """
    top = notes.max(axis=1, keepdims=True)
    odds = np.exp(notes - top)
    odds *= _PLAYABLE
    sums = odds @ _BY_CLASS
    model = np.log(sums / sums.sum(axis=1, keepdims=True) + 1e-9)
    of_lead = _OF_CHORD[LEAD]
    if asked is not None:
        if asked.ends:
            of_lead = _CLOSING if asked.closes else _ENDING
        elif cursor.position % 12 == 0:
            of_lead = _ON_BEAT
    bias = _TRUSTS * (_planned_logs(cursor.tonic, cursor.minor, chord.tones, of_lead) - model)
    return np.asarray(bias[:, _CLASSES])


@lru_cache(maxsize=256)
def _planned_logs(
    tonic: int, minor: bool, tones: tuple[int, ...], of_lead: tuple[float, float, float]
) -> Logits:
    """(ROLES, 12) by pitch class: the logs of the planned shares. For reading only."""
    triads = [of_lead if role == LEAD else _OF_CHORD[role] for role in range(ROLES)]
    shares = [_with_fourth(triad, role, tones) for role, triad in enumerate(triads)]
    logs = np.log([_planned_shares(tonic, minor, tones, of_chord) for of_chord in shares])
    logs.flags.writeable = False
    return logs


def _with_fourth(of_triad: tuple[float, ...], role: int, tones: tuple[int, ...]) -> tuple[float, ...]:
    """Shares of all the chord's tones: a fourth takes its own from the three alike."""
    if len(tones) == len(of_triad):
        return of_triad
    fourth = _FOURTH[role]
    return (*(share * (1.0 - fourth) for share in of_triad), fourth)


def _planned_shares(tonic: int, minor: bool, tones: tuple[int, ...], of_chord: tuple[float, ...]) -> Logits:
    """(12,) by pitch class: the chord's tones as given, the rest of the scale what is left, alike."""
    scale = _MINOR_SCALE if minor else _MAJOR_SCALE
    others = sorted(scale - set(tones))
    plan = np.full(12, _FOREIGN)
    plan[others] = max((1.0 - sum(of_chord)) / len(others), _FOREIGN)
    plan[list(tones)] = of_chord
    return np.roll(plan / plan.sum(), tonic)


def _note_bias(cursor: Cursor, valence: float, chord: Chord) -> Logits:
    """(ROLES * pitches,): nats for every note, by what sounds and what was struck."""
    wanted = np.zeros(12)
    heard = {(pitch - cursor.tonic) % 12 for pitch, _ in cursor.sounding}
    for tone in chord.tones:
        wanted[tone] += _MISSING_PULL * (tone not in heard)
    wanted[chord.color] += _COLOR_PULL * max(-valence - 0.2, 0.0) * (chord.color not in heard)
    bias = _IS_INNER * wanted[_DEGREES[cursor.tonic]]
    if cursor.sounding:
        against = _AGAINST[[pitch % 12 for pitch, _ in cursor.sounding]].sum(axis=0)
        bias += _CONSONANCE_PULL * valence / len(cursor.sounding) * against[_ALL_CLASSES]
    if cursor.lead_times:
        same = tokens.note_token(LEAD, cursor.lead) - tokens.NOTE0
        bias[same] -= _REPEAT_PRICE * min(cursor.lead_times, 4)
    for pitch in cursor.struck:
        for role in (UPPER, MIDDLE):
            bias[tokens.note_token(role, pitch) - tokens.NOTE0] -= _STRUCK_PRICE
    return np.asarray(bias)


def _line_bias(cursor: Cursor, asked: Asked) -> Logits:
    """(pitches,): the melody keeps to its line, goes by steps, and answers a leap."""
    bias = -0.5 * np.minimum(((_LEAD_PITCHES - asked.lead_at) / _LINE_WIDTH) ** 2, 16.0)
    if cursor.lead_times:
        step = _LEAD_PITCHES - cursor.lead
        bias -= 0.25 * np.maximum(np.abs(step) - _LEAP, 0.0)
        if abs(cursor.lead_step) > _LEAP:
            bias += 0.8 * ((np.abs(step) <= 2.0) & (step * cursor.lead_step < 0.0))
    return np.asarray(bias)


def _above(pitch: float) -> Logits:
    """(1, pitches): semitones over a tone below `pitch`, 0 under it."""
    return np.asarray(np.maximum(_LEAD_PITCHES - pitch + 2.0, 0.0)[None])


def _log_sums(notes: Logits) -> Logits:
    """(ROLES,): the log of each part's odds together, over the notes it can play."""
    playable = np.where(_PLAYABLE, notes, -np.inf)
    top = playable.max(axis=1)
    return np.asarray(top + np.log(np.exp(playable - top[:, None]).sum(axis=1)))
