"""What passes between the parts of the symbolic composer: notes on a grid, then strikes in time."""

from __future__ import annotations

from typing import NamedTuple

SAMPLE_RATE_HZ = 48_000
TICK_SAMPLES = 480
"""Everything the composer decides, it decides once per tick of 10 ms, so block sizes cannot matter."""

STEPS_PER_QUARTER = 12
"""Grid of the token stream: holds sixteenths and triplet eighths exactly."""

LEAD, UPPER, MIDDLE, BASS = range(4)
"""Roles: what a part does, not what plays it. The anchor's orchestration chooses the instrument."""


class Note(NamedTuple):
    """A note on the grid. `step` counts from the start of its beat, `length` in steps."""

    step: int
    length: int
    pitch: int
    role: int


class Beat(NamedTuple):
    """One quarter of music as the generator hands it over.

    `position` is its first step within the bar of `bar_steps`; `steps` is 12, less for a bar's short end.
    `bar` counts bars since the piece began. `tonic` is a pitch class, `minor` its mode. `chord` holds the
    pitch classes of the harmony: root, third, fifth, in a rich style one more, and a color; empty where none
    was planned. `chord_from` is the step of the bar at which that chord began.
    """

    bar: int
    position: int
    steps: int
    bar_steps: int
    tonic: int
    minor: bool
    notes: tuple[Note, ...]
    chord: tuple[int, ...] = ()
    chord_from: int = 0


class Strike(NamedTuple):
    """A note in time: what the synthesiser is told.

    `instrument` names a patch of the anchor's orchestration. `velocity` in (0, 1]; `at_sample` counts from
    the start of the piece.
    """

    at_sample: int
    instrument: str
    pitch: int
    velocity: float
    length_samples: int
