"""What a session and its composer process tell each other over a pipe. All of it is small and bounded."""

from __future__ import annotations

from typing import NamedTuple


class Begin(NamedTuple):
    """Play into this link. With `state`, go on from `position` of the piece a lost process was playing."""

    link: str
    capacity: int
    anchor: str
    seed: int
    state: bytes | None
    position: int
    snapshot_every_s: float
    ring_samples: int
    """How far to run ahead at rest; where rendering proves late, further, but never beyond the capacity."""


class Prime(NamedTuple):
    """Cross over to another anchor or seed; answered by `Primed` with the same number."""

    number: int
    anchor: str
    seed: int


class Accent(NamedTuple):
    """A cut in the picture, now."""


class Close(NamedTuple):
    """Leave."""


class Leave(NamedTuple):
    """Fade out, then leave: another composer follows."""


Command = Begin | Prime | Accent | Close | Leave


class Ready(NamedTuple):
    """The composer is made and waits for `Begin`."""


class Playing(NamedTuple):
    """The first block is in the ring."""


class Primed(NamedTuple):
    number: int
    error: str


class AppliedSteer(NamedTuple):
    """Affect as the composer got it.

    `at_sample` is the composer's own clock, as passed to `steer`; `ring_sample` is the index in the
    session's ring of the first sample rendered after it; `t_s` is the machine's monotonic clock.
    """

    at_sample: int
    ring_sample: int
    t_s: float
    valence: float
    arousal: float


class AppliedAccent(NamedTuple):
    """A cut as the composer got it; fields as in `AppliedSteer`."""

    at_sample: int
    ring_sample: int
    t_s: float


class Applied(NamedTuple):
    """What reached the composer since the last such report, in order."""

    steers: tuple[AppliedSteer, ...]
    accents: tuple[AppliedAccent, ...]


class Snapshot(NamedTuple):
    """What a successor needs to go on from `position`."""

    position: int
    state: bytes


class NowPlaying(NamedTuple):
    """For people: style, key, tempo_bpm and the like."""

    words: dict[str, str | float]


class Notes(NamedTuple):
    """What was played (see `stream.ports.TellsNotes`). `life` tells one composer process from the next."""

    life: int
    events: tuple[object, ...]


class Rendered(NamedTuple):
    """How long each of the last blocks of 10 ms took to compose, in seconds."""

    took_s: tuple[float, ...]


class KeepsAhead(NamedTuple):
    """From now on so many samples are made ahead of the listener."""

    samples: int


class Failed(NamedTuple):
    """The composer raised; the process ends."""

    error: str


Report = Ready | Playing | Primed | Applied | Snapshot | NowPlaying | Notes | Rendered | KeepsAhead | Failed
