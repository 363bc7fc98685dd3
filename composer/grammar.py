"""Which tokens may come next, and how the odds are shaped before one is drawn.

The grammar makes a stream that always parses: a bar names its key, a position holds at least one note, a
note has a length, time never runs backwards. The guards keep it playable: voice ranges, a floor under
silence, a ceiling on density, a scale. All are arithmetic on logits; the model's own odds decide the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from composer import tokens
from composer.harmony import PHRASE_BARS, Chord
from composer.score import BASS, LEAD, MIDDLE, STEPS_PER_QUARTER, UPPER

Logits = npt.NDArray[np.float64]

RANGES = {LEAD: (55, 84), UPPER: (50, 88), MIDDLE: (43, 74), BASS: (28, 62)}
"""Lowest and highest MIDI pitch of each role, so that any orchestration can play it."""

MAX_NOTES_AT_ONCE = 7
MAX_SOUNDING = 12
LONGEST_HOLE = 3
"""Steps between the end of the last sounding note and the next: a quarter of a second at 60 to the minute."""
MAX_BEAT_TOKENS = 32
"""A quarter never needs more tokens than this, which bounds the time it takes to compose one."""

_OUT_OF_SCALE = 2.5
_MODE_PULL = 8.0
TURN = 0.25
"""Valence this far from 0 brings the mode it means at the next beat, before the bar is over."""
_STAY_IN_KEY = 2.0
_CONSONANCE_PULL = 1.4
_REPEAT_PRICE = 0.5
"""Nats against the melody's last pitch for each time in a row it has come: leaning on chord tones, it would
stay on one."""

_MAJOR_SCALE = frozenset((0, 2, 4, 5, 7, 9, 11))
_MINOR_SCALE = frozenset((0, 2, 3, 5, 7, 8, 10, 11))
"""Natural minor and its leading note."""

_CHORD_PULL = {LEAD: 0.5, UPPER: 1.5, MIDDLE: 1.5, BASS: 1.5}
"""Nats for the tones of the planned chord, by role."""
_ROOT_PULL = 1.0
"""Nats more for the root in the bass."""
_THIRD_PULL = 0.6
"""What strong valence adds to the third, which says which mode this is."""

_BY_INTERVAL_CLASS = (0.0, -1.428, -0.582, 0.594, 0.594, 0.594, -0.453)
_CONSONANCE = np.array([_BY_INTERVAL_CLASS[min(gap, 12 - gap)] for gap in range(12)])
"""By interval in semitones modulo 12, after Huron (1994), but fourths and fifths no more than thirds: they
would push out the thirds, and with them the mode."""


@dataclass(frozen=True)
class Cursor:
    """Where the stream stands. A value: `after` gives the next one."""

    bar: int = -1
    meter: int = 5
    tonic: int = 0
    minor: bool = False
    position: int = 0
    last: int = tokens.START
    notes_here: int = 0
    order: int = -1
    beat_tokens: int = 0
    silent_since: int = 0
    """Steps into the bar (negative: in bars before) at which something last started."""
    sounding: tuple[tuple[int, int], ...] = ()
    """(pitch, step of this bar it ends at) of the notes that sound at `position`."""
    lead: int = 0
    lead_times: int = 0
    """The melody's last pitch, and how often in a row it has come."""

    @property
    def bar_steps(self) -> int:
        return tokens.METERS[self.meter][0]

    def turned(self, valence: float) -> Cursor:
        """In the parallel mode, when strong valence asks for it: a beat need not wait for its bar to end."""
        if self.bar < 0 or abs(valence) < TURN:
            return self
        return replace(self, minor=valence < 0.0)

    def after(self, token: int) -> Cursor:
        """The cursor once `token` has been written."""
        if tokens.is_bar(token):
            steps = self.bar_steps if self.bar >= 0 else 0
            return replace(
                self,
                bar=self.bar + 1,
                meter=token - tokens.BAR0,
                position=0,
                last=token,
                notes_here=0,
                order=-1,
                beat_tokens=0,
                silent_since=self.silent_since - steps,
                sounding=tuple((p, end - steps) for p, end in self.sounding if end > steps),
            )
        if tokens.is_key(token):
            tonic, minor = tokens.key_of(token)
            return replace(self, tonic=tonic, minor=minor, last=token)
        if tokens.is_position(token):
            position = token - tokens.POS0
            same_beat = position // STEPS_PER_QUARTER == self.position // STEPS_PER_QUARTER
            return replace(
                self,
                position=position,
                last=token,
                notes_here=0,
                order=-1,
                beat_tokens=self.beat_tokens + 1 if same_beat else 1,
                silent_since=position,
                sounding=tuple((p, end) for p, end in self.sounding if end > position),
            )
        if tokens.is_note(token):
            role, pitch = tokens.note_of(token)
            again = self.lead_times + 1 if pitch == self.lead else 1
            return replace(
                self,
                lead=pitch if role == LEAD else self.lead,
                lead_times=again if role == LEAD else self.lead_times,
                last=token,
                notes_here=self.notes_here + 1,
                order=_order(token),
                beat_tokens=self.beat_tokens + 1,
            )
        _, pitch = tokens.note_of(self.last)
        end = self.position + tokens.length_of(token)
        sounding = (*self.sounding, (pitch, end))[-MAX_SOUNDING:]
        return replace(self, last=token, beat_tokens=self.beat_tokens + 1, sounding=sounding)


def _order(token: int) -> int:
    """Notes that start together are written bass first, then upwards."""
    role, pitch = tokens.note_of(token)
    return (BASS - role) * 128 + pitch


_NOTE_TOKENS = np.arange(tokens.NOTE0, tokens.LEN0)
_NOTE_ROLES, _NOTE_PITCHES = np.array([tokens.note_of(int(t)) for t in _NOTE_TOKENS]).T
_CHORD_OF_ROLE = np.array([_CHORD_PULL[int(role)] for role in _NOTE_ROLES])
_IS_BASS = (_NOTE_ROLES == BASS).astype(np.float64)
_CLASSES = np.arange(12)
_NOTE_ORDERS = np.array([_order(int(t)) for t in _NOTE_TOKENS])
_IN_RANGE = np.array(
    [RANGES[int(r)][0] <= p <= RANGES[int(r)][1] for r, p in zip(_NOTE_ROLES, _NOTE_PITCHES, strict=True)]
)
ROLES = 4
_PLAYABLE = _IN_RANGE.reshape(ROLES, -1)


def allowed(cursor: Cursor, meter: int, longest_silence: int) -> npt.NDArray[np.bool_]:
    """Mask (V,) of the tokens that may follow.

    `meter` is the anchor's: every bar has it. No more than `longest_silence` steps may pass without an
    onset.
    """
    mask = np.zeros(tokens.VOCABULARY, dtype=np.bool_)
    last = cursor.last
    if last == tokens.START:
        mask[tokens.bar_token(meter)] = True
    elif tokens.is_bar(last):
        mask[tokens.KEY0 : tokens.POS0] = _keys_near(cursor)
    elif tokens.is_note(last):
        mask[tokens.LEN0 :] = True
    elif tokens.is_position(last):
        mask[tokens.NOTE0 : tokens.LEN0] = _IN_RANGE
    else:
        full = cursor.beat_tokens >= MAX_BEAT_TOKENS - 2
        if tokens.is_length(last) and cursor.notes_here < MAX_NOTES_AT_ONCE and not full:
            mask[tokens.NOTE0 : tokens.LEN0] = _IN_RANGE & (cursor.order < _NOTE_ORDERS)
        first = cursor.position + 1 if tokens.is_length(last) else 0
        if full:
            first = (cursor.position // STEPS_PER_QUARTER + 1) * STEPS_PER_QUARTER
        # Somebody plays on, or the next onset comes soon after the last note's end.
        ends = max((end for _, end in cursor.sounding), default=cursor.position)
        latest = min(cursor.silent_since + longest_silence, ends + LONGEST_HOLE)
        end = min(cursor.bar_steps, max(latest, first) + 1)
        mask[tokens.POS0 + first : tokens.POS0 + end] = True
        if latest >= cursor.bar_steps or first >= cursor.bar_steps:
            mask[tokens.bar_token(meter)] = True
    return mask


def _keys_near(cursor: Cursor) -> npt.NDArray[np.bool_]:
    """(24,): the same key and its parallel; at a phrase's start also the keys a fifth away.

    Never the relative: it has the same notes, so that the turn from major to minor would not be heard.
    """
    mask = np.ones(24, dtype=np.bool_)
    if cursor.bar <= 0:
        return mask
    mask[:] = False
    tonic, minor = cursor.tonic, cursor.minor
    near = {(tonic, minor), (tonic, not minor)}
    if cursor.bar % PHRASE_BARS == 0:
        near |= {((tonic + 7) % 12, minor), ((tonic + 5) % 12, minor)}
    for key_tonic, key_minor in near:
        mask[2 * key_tonic + int(key_minor)] = True
    return mask


def shaped(logits: Logits, cursor: Cursor, valence: float, chord: Chord) -> Logits:
    """Logits with the mode drawn by valence; notes to the scale, the chord, and to consonance or from it.

    A bar's key is where valence is strongest heard (Gabrielsson & Lindstrom 2010: mode is the clearest cue of
    valence, consonance another), so both get a push of their own beside the adapter, in nats at full scale.
    """
    out = logits.copy()
    if tokens.is_bar(cursor.last):
        keys = out[tokens.KEY0 : tokens.POS0]
        keys[0::2] += _MODE_PULL * valence
        keys[1::2] -= _MODE_PULL * valence
        if cursor.bar > 0:
            keys[2 * cursor.tonic + int(cursor.minor)] += _STAY_IN_KEY
    elif cursor.bar >= 0:
        notes = out[tokens.NOTE0 : tokens.LEN0].reshape(ROLES, -1)
        shares = _log_sums(notes)
        notes += _note_bias(cursor, valence, chord)
        # Which part plays next is the model's affair: a pull to the chord must not make the melody rarer.
        notes += (shares - _log_sums(notes))[:, None]
    return out


def _note_bias(cursor: Cursor, valence: float, chord: Chord) -> Logits:
    """(ROLES, pitches): nats for every note, by its degree first, since there are only twelve."""
    scale = _MINOR_SCALE if cursor.minor else _MAJOR_SCALE
    root, third, fifth = chord.tones
    foreign, inside, bottom = np.full(12, _OUT_OF_SCALE), np.zeros(12), np.zeros(12)
    foreign[[*scale, *chord.tones]] = 0.0
    inside[[root, third, fifth]] = 1.0
    inside[third] += _THIRD_PULL * abs(valence)
    bottom[root] = _ROOT_PULL
    degrees = (_NOTE_PITCHES - cursor.tonic) % 12
    bias = _CHORD_OF_ROLE * inside[degrees] + _IS_BASS * bottom[degrees] - foreign[degrees]
    if cursor.sounding:
        against = np.zeros(12)
        for pitch, _ in cursor.sounding:
            against += _CONSONANCE[(_CLASSES - pitch) % 12]
        bias += _CONSONANCE_PULL * valence / len(cursor.sounding) * against[_NOTE_PITCHES % 12]
    if cursor.lead_times:
        same = tokens.note_token(LEAD, cursor.lead) - tokens.NOTE0
        bias[same] -= _REPEAT_PRICE * min(cursor.lead_times, 4)
    return np.asarray(bias.reshape(ROLES, -1))


def _log_sums(notes: Logits) -> Logits:
    """(ROLES,): the log of each part's odds together, over the notes it can play."""
    playable = np.where(_PLAYABLE, notes, -np.inf)
    top = playable.max(axis=1)
    return np.asarray(top + np.log(np.exp(playable - top[:, None]).sum(axis=1)))


def draw(
    logits: Logits, mask: npt.NDArray[np.bool_], temperature: float, top_p: float, uniform: float
) -> int:
    """One token by nucleus sampling (Holtzman et al. 2020), decided by `uniform` in [0, 1)."""
    choices = np.flatnonzero(mask)
    scores = logits[choices] / temperature
    odds = np.exp(scores - scores.max())
    order = np.argsort(-odds, kind="stable")
    running = np.cumsum(odds[order] / odds.sum())
    kept = min(int(np.searchsorted(running, top_p)) + 1, len(choices))
    index = int(np.searchsorted(running[:kept], uniform * running[kept - 1], side="right"))
    return int(choices[order[min(index, kept - 1)]])
