"""obs-websocket's protocol, version 5, as far as we use it. Pure: no sockets, no waiting.

Described in obs-websocket's own docs/generated/protocol.md; part of OBS Studio since version 28.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from stream.errors import StreamError
from stream.sound.level_meter import FLOOR_DB

Json = dict[str, Any]
RPC_VERSION = 1
AUTHENTICATION_FAILED = 4009
KICKED = 4011


class Op(IntEnum):
    """Kinds of messages."""

    HELLO = 0
    IDENTIFY = 1
    IDENTIFIED = 2
    EVENT = 5
    REQUEST = 6
    RESPONSE = 7


class Subscription(IntEnum):
    """Groups of events; the volume meters come every 50 ms and only to those who ask for them."""

    SCENES = 1 << 2
    TRANSITIONS = 1 << 4
    INPUT_VOLUME_METERS = 1 << 16


EVENTS = Subscription.SCENES | Subscription.TRANSITIONS | Subscription.INPUT_VOLUME_METERS
MICROPHONE_KINDS = (
    "wasapi_input_capture",
    "coreaudio_input_capture",
    "pulse_input_capture",
    "alsa_input_capture",
    "pipewire_audio_input_capture",
)


class BadObsMessage(StreamError):
    """What came is not obs-websocket's protocol."""


def parsed(text: str | bytes) -> tuple[int, Json]:
    """(kind, data) of a message. Raises BadObsMessage."""
    try:
        message = json.loads(text)
        op, data = message["op"], message.get("d", {})
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise BadObsMessage("the server does not speak obs-websocket 5") from error
    if not isinstance(op, int) or not isinstance(data, dict):
        raise BadObsMessage("the server does not speak obs-websocket 5")
    return op, data


def authentication(password: str, salt: str, challenge: str) -> str:
    """The proof that we know the password: base64(sha256(base64(sha256(password + salt)) + challenge))."""
    secret = base64.b64encode(hashlib.sha256((password + salt).encode()).digest()).decode()
    return base64.b64encode(hashlib.sha256((secret + challenge).encode()).digest()).decode()


def needs_password(hello: Json) -> bool:
    return bool(hello.get("authentication"))


def identify(hello: Json, password: str) -> str:
    """Our answer to the server's first message. Raises BadObsMessage when it asks in a way we do not know."""
    data: Json = {"rpcVersion": RPC_VERSION, "eventSubscriptions": int(EVENTS)}
    if needs_password(hello):
        asked = hello["authentication"]
        try:
            data["authentication"] = authentication(password, str(asked["salt"]), str(asked["challenge"]))
        except (KeyError, TypeError) as error:
            raise BadObsMessage("the server asks for a password in an unknown way") from error
    return json.dumps({"op": Op.IDENTIFY, "d": data})


def request(kind: str, number: str, data: Json | None = None) -> str:
    """`number` comes back with the response."""
    body: Json = {"requestType": kind, "requestId": number}
    if data is not None:
        body["requestData"] = data
    return json.dumps({"op": Op.REQUEST, "d": body})


def picture_of(response: Json) -> bytes:
    """The picture in a response to GetSourceScreenshot (a data URL). Raises BadObsMessage."""
    try:
        return base64.b64decode(str(response["imageData"]).partition("base64,")[2], validate=True)
    except (KeyError, binascii.Error) as error:
        raise BadObsMessage("a screenshot holds no picture") from error


def microphones(special: Mapping[str, Any], inputs: Sequence[Any]) -> frozenset[str]:
    """The names of inputs somebody may speak into, from GetSpecialInputs and GetInputList."""
    names = {str(name) for key, name in special.items() if key.startswith("mic") and name}
    for one in inputs:
        if isinstance(one, dict) and one.get("unversionedInputKind") in MICROPHONE_KINDS:
            names.add(str(one.get("inputName")))
    return frozenset(names)


def level_db(event: Json, names: frozenset[str]) -> float | None:
    """The loudest of the inputs in `names`, dB below full scale, from an InputVolumeMeters event.

    OBS gives each channel's magnitude after its fader and mute. None when none of them is there.
    """
    loudest: float | None = None
    inputs = event.get("inputs")
    for one in inputs if isinstance(inputs, list) else ():
        if isinstance(one, dict) and one.get("inputName") in names:
            channels = one.get("inputLevelsMul") or ()
            magnitudes = [float(c[0]) for c in channels if isinstance(c, list) and c and _is_number(c[0])]
            loudest = max([loudest or 0.0, *magnitudes])
    if loudest is None:
        return None
    return max(20.0 * math.log10(loudest), FLOOR_DB) if loudest > 0 else FLOOR_DB


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
