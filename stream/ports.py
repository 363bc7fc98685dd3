"""What the stream asks of a sensor and of a composer: the only things it knows about them.

The consumer owns the interface. `stream` imports neither `sensor` nor `composer`; `stream.cli` hands the
real ones in, tests hand in scripted ones. Affect crosses as plain floats in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import VideoFrame

SAMPLE_RATE_HZ = 48_000
CHANNELS = 2

Block = npt.NDArray[np.float32]
"""PCM, float32, shape (samples, 2), full scale +-1."""


class Reading(NamedTuple):
    """One look at the picture. Valence and arousal in [-1, 1], confidence in [0, 1]."""

    t_s: float
    valence: float
    arousal: float
    confidence: float
    cut: bool


class Affect(NamedTuple):
    """The smoothed estimate. Valence and arousal in [-1, 1], confidence in [0, 1]."""

    valence: float
    arousal: float
    confidence: float


class Sensor(Protocol):
    """Reads pictures of one session. Called from one worker thread at a time, never the event loop."""

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        """Slow (milliseconds). Never raises on a bad picture: confidence falls instead."""
        ...


@runtime_checkable
class WritesAnchor(Protocol):
    """What a sensor may be beside: one that describes, once, the music its picture asks for.

    Called on the sensor's thread, after a `read`.
    """

    def take_anchor(self) -> str | None:
        """The description when it has just become known, otherwise None."""
        ...


class Window(Protocol):
    """Turns readings into one estimate. Cheap enough for the event loop."""

    def add(self, reading: Reading) -> None: ...

    def estimate(self, t_s: float) -> Affect:
        """Causal: uses readings with `reading.t_s <= t_s` only."""
        ...


class Composer(Protocol):
    """One endless piece. Lives in its own process and is called from one thread there."""

    latency_samples: int
    """Samples between a `steer` taking effect and the first block that can differ."""

    def prime(self, anchor: str, seed: int) -> None:
        """Set the style. The first call starts the piece; a later one crossfades to the new anchor."""
        ...

    def steer(self, valence: float, arousal: float, at_sample: int) -> None:
        """Affect from `at_sample` on (held until the next call). Out of range is clamped, NaN ignored."""
        ...

    def accent(self, at_sample: int) -> None:
        """A cut in the picture at `at_sample`: the composer may mark it on its next beat."""
        ...

    def render(self, n_samples: int) -> Block:
        """The next `n_samples`, always exactly that many. The same whatever the sizes asked for."""
        ...

    def state(self) -> bytes:
        """What `restore` needs to go on with this piece in another process."""
        ...

    def restore(self, state: bytes, exact: bool = True) -> None:
        """Go on with the piece `state` was taken from, instead of `prime`: to the bit, or if not `exact` as
        quickly as it can be done with the same notes."""
        ...

    def now_playing(self) -> Mapping[str, str | float]:
        """For people: style, key, tempo_bpm and the like."""
        ...


@runtime_checkable
class TellsNotes(Protocol):
    """What a composer may be beside: one that tells what it has played, for recordings."""

    def take_notes(self) -> tuple[object, ...]:
        """Beats and notes since the last call, in order, as a `NoteFile` takes them. They are pickled."""
        ...


@runtime_checkable
class Closes(Protocol):
    """What a composer may be beside: one with threads or connections that would outlast its last block."""

    def close(self) -> None:
        """End them. Nothing is asked of the composer afterwards."""
        ...


class NoteFile(Protocol):
    """Where a recording's notes go. Every method may raise OSError."""

    def add(self, note: Any, /) -> None:
        """One of the things that `take_notes` gives."""
        ...

    def flush(self) -> None:
        """Leave a complete file behind; it may still grow."""
        ...

    def close(self) -> None: ...


OpenNoteFile = Callable[[Path, str], NoteFile]
"""Begins a file at a path, with a title. Raises OSError."""

ComposerFactory = Callable[[], Composer]
"""A module-level function (it is pickled by name), called once in the composer process."""


class AnchorReply(NamedTuple):
    """What an anchor text was taken to mean: the four fields, and the words that meant nothing."""

    preset: str
    genre: str
    instrumentation: str
    atmosphere: str
    pacing: str
    understood: tuple[str, ...]
    ignored: tuple[str, ...]


ReadAnchor = Callable[[str], AnchorReply]
"""Raises ValueError with a sentence for the user when the text cannot be an anchor."""
