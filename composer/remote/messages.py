"""What a composer and whoever plays it from elsewhere say to each other. Pure: text in, values out.

Text frames hold one JSON object each, `type` first. Binary frames hold sound (float32, little-endian, left
and right in turn) from the composer, or a piece's state after the message that announces it, either way.

Sound is asked for by credit: `render` says up to which sample it may be made, at most `MAX_CREDIT_SAMPLES`
beyond what was made. Messages are obeyed in the order they come, so the same messages give the same samples,
however long the way is.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple, TypeVar, get_origin, get_type_hints

from composer.errors import ComposerError

PROTOCOL = 1
"""Both ends must speak the same."""
MAX_CREDIT_SAMPLES = 48_000
MAX_STATE_BYTES = 16 << 20
MAX_FRAME_BYTES = MAX_STATE_BYTES + 4096
FRAME_BYTES = 8
"""One stereo sample."""


class BadMessage(ComposerError):
    """The other end said something that is not in the protocol; the text is a sentence."""


class Hello(NamedTuple):
    """The first that is said, by whoever wants a composer."""

    protocol: int


class Welcome(NamedTuple):
    """The answer. `engine` says how it reads an anchor (symbolic, musicgen), `licence` is of its weights,
    `latency_samples` is as in the composer's own contract."""

    protocol: int
    name: str
    engine: str
    licence: str
    rate_hz: int
    channels: int
    latency_samples: int


class Prime(NamedTuple):
    """Begin a piece, or go over to another anchor or seed from the last sample asked for on."""

    anchor: str
    seed: int


class Primed(NamedTuple):
    """The piece has begun, or has gone over."""


class Steer(NamedTuple):
    """Affect in [-1, 1] from a sample on. Not answered."""

    valence: float
    arousal: float
    at_sample: int


class Accent(NamedTuple):
    """A cut at a sample. Not answered."""

    at_sample: int


class Render(NamedTuple):
    """Credit: make the piece up to this sample. Answered by binary frames until it is made."""

    until_sample: int


class GetState(NamedTuple):
    """What is needed to go on from the last sample asked for?"""


class State(NamedTuple):
    """It follows in one binary frame of so many bytes."""

    size: int


class Restore(NamedTuple):
    """Go on with the piece whose state follows in one binary frame, from its sample `at_sample`."""

    at_sample: int
    exact: bool
    size: int


class Restored(NamedTuple):
    """The piece goes on."""


class GetPlaying(NamedTuple):
    """What is played, in words?"""


class Playing(NamedTuple):
    """For people: style, key and the like; texts and numbers."""

    words: dict[str, str | float]


class Notes(NamedTuple):
    """What the next sound lets hear, as `composer.remote.notes` has it. Unasked."""

    rows: list[Any]


class Error(NamedTuple):
    """`kind` is version, busy, anchor, state, message or fault; `detail` is a sentence.

    After anchor and state the connection goes on, after the others it is closed.
    """

    kind: str
    detail: str


Asked = Hello | Prime | Steer | Accent | Render | GetState | Restore | GetPlaying
Told = Welcome | Primed | State | Restored | Playing | Notes | Error
Message = Asked | Told

KINDS: dict[str, type[Message]] = {
    "hello": Hello,
    "welcome": Welcome,
    "prime": Prime,
    "primed": Primed,
    "steer": Steer,
    "accent": Accent,
    "render": Render,
    "get_state": GetState,
    "state": State,
    "restore": Restore,
    "restored": Restored,
    "get_playing": GetPlaying,
    "playing": Playing,
    "notes": Notes,
    "error": Error,
}
_NAMES = {kind: name for name, kind in KINDS.items()}
_FIELDS = {kind: get_type_hints(kind) for kind in KINDS.values()}
_LARGEST = 1 << 62

M = TypeVar("M", bound=Message)


def encode(message: Message) -> str:
    return json.dumps({"type": _NAMES[type(message)], **message._asdict()}, allow_nan=False)


def decode(text: str) -> Message:
    """What `text` says. Fields that are not known are passed over, so that either end may learn to say more.

    Raises BadMessage with a sentence.
    """
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessage("The message is not JSON.") from error
    kind = said.pop("type", None) if isinstance(said, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadMessage(f"The message has no type that is known: {', '.join(KINDS)}.")
    meant = KINDS[kind]
    fields = {name: said.get(name) for name in _FIELDS[meant]}
    for name, wanted in _FIELDS[meant].items():
        if not _fits(fields[name], wanted):
            raise BadMessage(f"The {name} of {kind} is missing or is none.")
    return meant(**fields)


def _fits(value: object, wanted: Any) -> bool:
    if wanted is bool or wanted is str:
        return isinstance(value, wanted)
    if get_origin(wanted) is list:
        return isinstance(value, list)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, dict) and all(_fits(one, str) or _fits(one, float) for one in value.values())
