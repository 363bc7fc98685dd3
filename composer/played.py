"""What was played, as it is played: told to whoever asked, for a recording or a picture.

The plan (`composer.score.Strike`) is not it: a voice may be stolen, a key struck again lets go of its older
note, an instrument out of its range plays an octave off, and every start lies on the synthesiser's grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Begun(NamedTuple):
    """A beat of `steps` grid steps that begins at `at_sample` and lasts `length_samples`.

    `position` is its first step within a bar of `bar_steps`; `compound` where beats are felt in threes.
    """

    at_sample: int
    length_samples: int
    bar: int
    position: int
    steps: int
    bar_steps: int
    compound: bool


class Sounded(NamedTuple):
    """A note that starts at `at_sample`, or, with `velocity` 0, is let go.

    `instrument` is `patch@section`. `pitch` is the MIDI pitch that sounds; for a drum, its General MIDI key.
    """

    at_sample: int
    instrument: str
    pitch: int
    velocity: float


Listener = Callable[[Begun | Sounded], None]
"""Told of each beat before the notes in it, and of notes in the order they sound."""

Stems = npt.NDArray[np.float32]
"""One tick of each section before the bus, shape (4, TICK_SAMPLES, 2), in the order of `presets.SECTIONS`."""

StemListener = Callable[[Stems], None]
"""Told of each tick; the array is overwritten by the next."""


@dataclass(frozen=True)
class Taps:
    """What the synthesiser is asked for beside the sound. Nothing is made that is not asked for."""

    stems: bool = False
    played: list[Sounded] | None = None
    """Every start and end of a note is appended; who asked empties it."""
