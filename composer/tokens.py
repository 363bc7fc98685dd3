"""The token language: bars, keys, positions, notes and lengths, in time order.

A bar is `BAR(meter) KEY(tonic, mode)` and then, for each position at which something starts,
`POS(step)` followed by `NOTE(role, pitch) LEN(steps)` for each note, bass first. A stream can therefore be
cut at any beat, and every token has a time: the position last named. The key token comes before the notes
it describes, so a mode is decided once a bar and the notes follow it; that is what lets valence turn
harmony (see `composer.labels`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from composer.score import BASS

IntArray = npt.NDArray[np.int64]

METERS: tuple[tuple[int, bool], ...] = (
    (12, False),
    (18, True),
    (24, False),
    (36, False),
    (36, True),
    (48, False),
    (54, True),
    (60, False),
    (72, False),
    (72, True),
)
"""(steps in the bar, compound?): 1/4 3/8 2/4 3/4 6/8 4/4 9/8 5/4 6/4 12/8."""

LENGTHS: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 9, 12, 15, 16, 18, 21, 24, 30, 36, 42, 48, 60, 72, 96)
"""Note lengths in steps; others go to the nearest."""

MAX_BAR_STEPS = 72
LOWEST_PITCH, HIGHEST_PITCH = 24, 103
PITCHES = HIGHEST_PITCH - LOWEST_PITCH + 1
ROLES = 4

START = 0
BAR0 = 1
KEY0 = BAR0 + len(METERS)
POS0 = KEY0 + 24
NOTE0 = POS0 + MAX_BAR_STEPS
LEN0 = NOTE0 + ROLES * PITCHES
VOCABULARY = LEN0 + len(LENGTHS)

_NEAREST_LENGTH = np.array(
    [int(np.argmin([abs(n - length) for length in LENGTHS])) for n in range(LENGTHS[-1] + 1)]
)


def bar_token(meter: int) -> int:
    return BAR0 + meter


def key_token(tonic: int, minor: bool) -> int:
    return KEY0 + 2 * (tonic % 12) + int(minor)


def position_token(step: int) -> int:
    return POS0 + step


def note_token(role: int, pitch: int) -> int:
    """Pitches off the keyboard are moved by octaves onto it."""
    while pitch < LOWEST_PITCH:
        pitch += 12
    while pitch > HIGHEST_PITCH:
        pitch -= 12
    return NOTE0 + role * PITCHES + pitch - LOWEST_PITCH


def length_token(steps: int) -> int:
    return LEN0 + int(_NEAREST_LENGTH[min(max(steps, 1), LENGTHS[-1])])


def is_bar(token: int) -> bool:
    return BAR0 <= token < KEY0


def is_key(token: int) -> bool:
    return KEY0 <= token < POS0


def is_position(token: int) -> bool:
    return POS0 <= token < NOTE0


def is_note(token: int) -> bool:
    return NOTE0 <= token < LEN0


def is_length(token: int) -> bool:
    return LEN0 <= token < VOCABULARY


def meter_of(token: int) -> tuple[int, bool]:
    return METERS[token - BAR0]


def key_of(token: int) -> tuple[int, bool]:
    """(tonic pitch class, minor?)."""
    return (token - KEY0) // 2, bool((token - KEY0) % 2)


def note_of(token: int) -> tuple[int, int]:
    """(role, pitch)."""
    role, offset = divmod(token - NOTE0, PITCHES)
    return role, LOWEST_PITCH + offset


def length_of(token: int) -> int:
    return LENGTHS[token - LEN0]


def meter_index(bar_steps: int, compound: bool) -> int:
    """The meter of a bar; odd lengths get the shortest meter that holds them."""
    if (bar_steps, compound) in METERS:
        return METERS.index((bar_steps, compound))
    for index, (steps, _) in enumerate(METERS):
        if steps >= bar_steps:
            return index
    return len(METERS) - 1


@dataclass(frozen=True)
class Encoded:
    """One piece: `tokens` (T,), `positions` (T,) step in the bar, `beats` (T,) quarter since the start."""

    tokens: IntArray
    positions: IntArray
    beats: IntArray


def encode(
    notes: npt.NDArray[np.int32], bars: npt.NDArray[np.int32], keys: IntArray, compound: bool
) -> Encoded:
    """Tokens of a score.

    `notes` (N, 4) and `bars` (B, 2) as in `composer.corpus.Score`; `keys` (B,) holds 2 * tonic + minor.
    Bars longer than `MAX_BAR_STEPS` must have been split.
    """
    rows: list[tuple[int, int, int]] = []
    order = np.lexsort((notes[:, 2], BASS - notes[:, 3], notes[:, 0]))
    notes = notes[order]
    edges = np.searchsorted(notes[:, 0], bars[:, 0])
    ends = np.searchsorted(notes[:, 0], bars[:, 0] + bars[:, 1])
    for (start, steps), key, first, last in zip(bars.tolist(), keys.tolist(), edges, ends, strict=True):
        beat = start // 12
        rows.append((bar_token(meter_index(steps, compound and steps % 18 == 0)), 0, beat))
        rows.append((KEY0 + key, 0, beat))
        position = -1
        for onset, length, pitch, role in notes[first:last].tolist():
            if onset - start != position:
                position = onset - start
                beat = (start + position) // 12
                rows.append((position_token(position), position, beat))
            rows.append((note_token(role, pitch), position, beat))
            rows.append((length_token(length), position, beat))
    table = np.array([(START, 0, 0), *rows], dtype=np.int64)
    return Encoded(table[:, 0], table[:, 1], table[:, 2])


def transpositions() -> IntArray:
    """Table (12, VOCABULARY): row r sends a token to itself moved up by r - 5 semitones."""
    table = np.tile(np.arange(VOCABULARY, dtype=np.int64), (12, 1))
    for row in range(12):
        shift = row - 5
        for token in range(KEY0, POS0):
            tonic, minor = key_of(token)
            table[row, token] = key_token(tonic + shift, minor)
        for token in range(NOTE0, LEN0):
            role, pitch = note_of(token)
            table[row, token] = note_token(role, pitch + shift)
    return table
