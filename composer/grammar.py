"""Which tokens may come next, and how one is drawn.

The grammar makes a stream that always parses: a bar names its key, a position holds at least one note, a
note has a length, time never runs backwards. The guards keep it playable: voice ranges, a floor under
silence and under the texture, a ceiling on density, a melody where one is planned. The odds of what may come
are shaped in `composer.leaning`; the model decides the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from composer import tokens
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

TURN = 0.12
"""Valence this far from 0 brings the mode it means at the next beat, before the bar is over."""
_MODULATION_BARS = 16
"""How often the key may go a fifth up or down."""
_REMEMBERED = 4


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
    lead_step: int = 0
    """The interval by which it was reached, in semitones."""
    roles_here: tuple[int, ...] = ()
    """Roles of the notes written at `position`."""
    struck: tuple[int, ...] = ()
    """The last few pitches of the inner voices."""

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
                roles_here=(),
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
                roles_here=(),
                order=-1,
                beat_tokens=self.beat_tokens + 1 if same_beat else 1,
                silent_since=position,
                sounding=tuple((p, end) for p, end in self.sounding if end > position),
            )
        if tokens.is_note(token):
            role, pitch = tokens.note_of(token)
            inner = role in (UPPER, MIDDLE)
            here = self if role != LEAD else self._sung(pitch)
            return replace(
                here,
                roles_here=(*self.roles_here, role),
                struck=(*self.struck, pitch)[-_REMEMBERED:] if inner else self.struck,
                last=token,
                notes_here=self.notes_here + 1,
                order=_order(token),
                beat_tokens=self.beat_tokens + 1,
            )
        _, pitch = tokens.note_of(self.last)
        end = self.position + tokens.length_of(token)
        sounding = (*self.sounding, (pitch, end))[-MAX_SOUNDING:]
        return replace(self, last=token, beat_tokens=self.beat_tokens + 1, sounding=sounding)

    def _sung(self, pitch: int) -> Cursor:
        """With `pitch` as the melody's last."""
        again = self.lead_times + 1 if pitch == self.lead else 1
        step = pitch - self.lead if self.lead else 0
        return replace(self, lead=pitch, lead_times=again, lead_step=step)


def _order(token: int) -> int:
    """Notes that start together are written bass first, then upwards."""
    role, pitch = tokens.note_of(token)
    return (BASS - role) * 128 + pitch


_NOTE_TOKENS = np.arange(tokens.NOTE0, tokens.LEN0)
NOTE_ROLES, NOTE_PITCHES = np.array([tokens.note_of(int(t)) for t in _NOTE_TOKENS]).T
"""(ROLES * pitches,) each: what every note token says, in order."""
_NOTE_ORDERS = np.array([_order(int(t)) for t in _NOTE_TOKENS])
IN_RANGE = np.array(
    [RANGES[int(r)][0] <= p <= RANGES[int(r)][1] for r, p in zip(NOTE_ROLES, NOTE_PITCHES, strict=True)]
)
_OF_ROLE = np.array([role == NOTE_ROLES for role in range(tokens.ROLES)])
_LENGTHS = np.array(tokens.LENGTHS)


class Asked(NamedTuple):
    """What the plan asks of the place where the stream stands (`composer.layout`)."""

    due: frozenset[int]
    """Roles that must start a note at the cursor's position."""
    places: frozenset[int]
    """Steps of the bar at which anything may."""
    comped: bool
    """Whether the accompaniment may at the cursor's position."""
    inner: int
    """How many notes of the inner voices may."""
    melody: bool
    """Whether the melody may: where it may it must, and nowhere else."""
    next_due: int
    """The next place of the bar at which some role is due; the bar's end where none is."""
    lead_lengths: tuple[int, int]
    """Shortest and longest note of the melody there, in steps."""
    shortest: int
    """The same for the accompaniment."""
    triplets: bool
    lead_at: float
    """The pitch about which the melody lies there."""
    ends: bool
    """Whether a phrase of the melody ends there."""
    closes: bool


def allowed(cursor: Cursor, meter: int, longest_silence: int, asked: Asked) -> npt.NDArray[np.bool_]:
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
        mask[tokens.LEN0 :] = _lengths(last, asked)
    elif tokens.is_position(last):
        mask[tokens.NOTE0 : tokens.LEN0] = _notes(cursor, asked)
    else:
        full = cursor.beat_tokens >= MAX_BEAT_TOKENS - 2
        placed = tokens.is_length(last)
        if placed and cursor.notes_here < MAX_NOTES_AT_ONCE and not full:
            notes = _notes(cursor, asked)
            mask[tokens.NOTE0 : tokens.LEN0] = notes
            if notes.any() and _missing(cursor, asked):
                return mask
        first = cursor.position + 1 if placed else 0
        if full:
            first = (cursor.position // STEPS_PER_QUARTER + 1) * STEPS_PER_QUARTER
        # Somebody plays on, or the next onset comes soon after the last note's end.
        ends = max((end for _, end in cursor.sounding), default=cursor.position)
        latest = min(cursor.silent_since + longest_silence, ends + LONGEST_HOLE)
        due = asked.next_due if placed else 0
        latest = max(min(latest, due), first)
        _let_start(mask, first, latest, cursor.bar_steps, asked)
        if latest >= cursor.bar_steps or not mask[tokens.POS0 : tokens.NOTE0].any():
            mask[tokens.bar_token(meter)] = True
    return mask


def _let_start(mask: npt.NDArray[np.bool_], first: int, latest: int, bar_steps: int, asked: Asked) -> None:
    """Allow the planned places from `first` to `latest`. Where there is none and the bar goes on: those on
    the grid, or the next after it."""
    planned = [step for step in asked.places if first <= step <= latest]
    if planned:
        mask[tokens.POS0 + np.array(planned)] = True
    elif latest < bar_steps:
        grid = 4 if asked.triplets else 3
        first = -(-first // grid) * grid
        mask[tokens.POS0 + first : tokens.POS0 + min(max(latest, first) + 1, bar_steps) : grid] = True


def _missing(cursor: Cursor, asked: Asked) -> set[int]:
    """Roles still due at the cursor's position."""
    wanted = {*asked.due, LEAD} if asked.melody else set(asked.due)
    return wanted.difference(cursor.roles_here)


def _notes(cursor: Cursor, asked: Asked) -> npt.NDArray[np.bool_]:
    """(ROLES * pitches,): the melody where it is planned; one bass and so many inner voices where the figure
    has them; none that is due may be passed over, since notes that start together are written upwards."""
    missing = _missing(cursor, asked)
    lowest = max(missing, default=LEAD)
    inner = sum(role in (UPPER, MIDDLE) for role in cursor.roles_here)
    mask = IN_RANGE & (cursor.order < _NOTE_ORDERS)
    for role in range(tokens.ROLES):
        if role == LEAD:
            fits = asked.melody and role not in cursor.roles_here
        elif role in missing:
            fits = True
        elif role == BASS:
            fits = asked.comped and role not in cursor.roles_here
        else:
            fits = asked.comped and inner < asked.inner
        if not fits or role < lowest:
            mask &= ~_OF_ROLE[role]
    # Nothing left that may be written here: anything is better than a stream that does not parse.
    return mask if mask.any() or cursor.roles_here else IN_RANGE


def _lengths(note: int, asked: Asked) -> npt.NDArray[np.bool_]:
    """(lengths,): what the note just written may last."""
    role, _ = tokens.note_of(note)
    if role != LEAD:
        return np.asarray(asked.shortest <= _LENGTHS)
    low, high = asked.lead_lengths
    fits = np.logical_and(low <= _LENGTHS, high >= _LENGTHS)
    if not fits.any():
        fits[np.flatnonzero(max(high, 1) >= _LENGTHS)[-1]] = True
    return np.asarray(fits)


def _keys_near(cursor: Cursor) -> npt.NDArray[np.bool_]:
    """(24,): the same key and its parallel; now and then also the keys a fifth away.

    Never the relative: it has the same notes, so that the turn from major to minor would not be heard.
    """
    mask = np.ones(24, dtype=np.bool_)
    if cursor.bar <= 0:
        return mask
    mask[:] = False
    tonic, minor = cursor.tonic, cursor.minor
    near = {(tonic, minor), (tonic, not minor)}
    if cursor.bar % _MODULATION_BARS == 0:
        near |= {((tonic + 7) % 12, minor), ((tonic + 5) % 12, minor)}
    for key_tonic, key_minor in near:
        mask[2 * key_tonic + int(key_minor)] = True
    return mask


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
