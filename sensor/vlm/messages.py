"""What the service and the process of the vision-language model say to each other: question, answer."""

from __future__ import annotations

from typing import NamedTuple

from sensor.picture import Rgb


class Look(NamedTuple):
    """Read this frame of a session. Answered by `Looked` or `Failed`."""

    session: int
    t_s: float
    rgb: Rgb


class Write(NamedTuple):
    """Write the anchor from the frames a session has shown. Answered by `Wrote` or `Failed`."""

    session: int


class Forget(NamedTuple):
    """A session has ended. Not answered."""

    session: int


class Ready(NamedTuple):
    """The model is loaded."""

    what: str


class Refused(NamedTuple):
    """The model cannot be loaded, and trying again would not help."""

    why: str


class Looked(NamedTuple):
    """A frame as the model read it. Valence and arousal in [-1, 1], confidence in [0, 1]."""

    session: int
    t_s: float
    valence: float
    arousal: float
    confidence: float


class Wrote(NamedTuple):
    """The anchor's text, or why there is none."""

    session: int
    text: str
    why: str


class Failed(NamedTuple):
    """This question could not be answered (out of memory, say); the next may be."""

    session: int
    why: str


Question = Look | Write | Forget
Answer = Ready | Refused | Looked | Wrote | Failed
