"""What a client may ask of a session over its WebSocket, one function a message."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from stream.errors import Refused
from stream.ports import AnchorReply
from stream.session.control import DUCK_SOURCES
from stream.session.session import Session
from stream.sound.ducking import MAX_DEPTH_DB
from stream.sound.level_meter import FLOOR_DB

Json = dict[str, Any]
MAX_ANCHOR_CHARACTERS = 2000
LASTING = {
    **{kind: kind for kind in ("anchor", "composer", "volume", "mute", "hold", "reactivity", "duck")},
    "panic": "mute",
}
"""Controls that set something until it is set anew, and what that counts as."""


class BadControl(ValueError):
    """The message cannot be obeyed; its text is a sentence for the user."""


def obey(session: Session, message: Json) -> Json:
    """Do what `message` asks; what the answer holds beside `type` and `to`. Raises BadControl."""
    kind = message.get("type")
    known = f"{', '.join(_CONTROLS)} are known."
    if not isinstance(kind, str):
        raise BadControl(f"The message has no type: {known}")
    if kind not in _CONTROLS:
        raise BadControl(f"The type is not known: {known}")
    said = _CONTROLS[kind](session, message) or {}
    if kind in LASTING:
        session.set_by_clients.add(LASTING[kind])
    return said


def anchor(text: str, reply: AnchorReply) -> Json:
    return {"text": text, **reply._asdict()}


def _set_anchor(session: Session, message: Json) -> Json:
    text = message.get("text")
    if not isinstance(text, str):
        raise BadControl("The anchor is a text: name a preset or describe the music.")
    if len(text) > MAX_ANCHOR_CHARACTERS:
        raise BadControl(f"The anchor is too long: at most {MAX_ANCHOR_CHARACTERS} characters.")
    try:
        reply = session.set_anchor(text)
    except ValueError as error:
        raise BadControl(str(error)) from error
    return {"anchor": anchor(text, reply)}


def _set_composer(session: Session, message: Json) -> Json:
    name = message.get("name")
    try:
        reply = session.style.choose_composer(name if isinstance(name, str) else "")
    except ValueError as error:
        raise BadControl(str(error)) from error
    return {"composer": session.music.composer.name, "anchor": anchor(session.style.text, reply)}


def _another(session: Session, message: Json) -> Json:
    session.style.another()
    return {"seed": session.style.seed}


def _set_volume(session: Session, message: Json) -> None:
    session.music.set_volume(_number(message.get("value"), 0.0, 1.0, "The volume is a number from 0 to 1."))


def _set_muted(session: Session, message: Json) -> None:
    session.music.set_muted(_flag(message, "Mute is true or false."))


def _panic(session: Session, message: Json) -> None:
    session.music.panic()


def _set_held(session: Session, message: Json) -> None:
    session.mood.held = _flag(message, "Hold is true or false.")


def _steer(session: Session, message: Json) -> None:
    valence, arousal = message.get("valence"), message.get("arousal")
    if valence is None and arousal is None:
        session.mood.hand_back()
        return
    words = "Steer takes a valence and an arousal from -1 to 1, or neither of them to hand back."
    session.steer(_number(valence, -1.0, 1.0, words), _number(arousal, -1.0, 1.0, words))


def _cut(session: Session, message: Json) -> None:
    session.control.mark_cut()


def _set_reactivity(session: Session, message: Json) -> None:
    name = message.get("value")
    try:
        session.mood.set_reactivity(name if isinstance(name, str) else "")
    except ValueError as error:
        raise BadControl(str(error)) from error


def _set_duck(session: Session, message: Json) -> None:
    depth, source = (
        message.get("depth_db", session.control.ducker.depth_db),
        message.get("source", session.control.duck_source),
    )
    words = f"The duck depth is a number of dB from 0 to {MAX_DEPTH_DB:.0f}."
    depth_db = _number(depth, 0.0, MAX_DEPTH_DB, words)
    if source not in DUCK_SOURCES:
        raise BadControl(f"The duck source is one of {', '.join(DUCK_SOURCES)}.")
    session.control.ducker.depth_db, session.control.duck_source = depth_db, source


def _voice(session: Session, message: Json) -> None:
    words = "A voice's level is a number of dB from -120 to 0."
    session.control.hear_voice("page", _number(message.get("level_db"), FLOOR_DB, 0.0, words))


def _record(session: Session, message: Json) -> None:
    try:
        session.set_recording(_flag(message, "Record is true or false."))
    except Refused as error:
        raise BadControl(error.detail) from error


def _flag(message: Json, words: str) -> bool:
    value = message.get("value")
    if not isinstance(value, bool):
        raise BadControl(words)
    return value


def _number(value: object, low: float, high: float, words: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadControl(words)
    # NaN is neither; integers may be too large for a float.
    if not low <= value <= high or not math.isfinite(value):
        raise BadControl(words)
    return float(value)


_CONTROLS: dict[str, Callable[[Session, Json], Json | None]] = {
    "anchor": _set_anchor,
    "composer": _set_composer,
    "another": _another,
    "volume": _set_volume,
    "mute": _set_muted,
    "panic": _panic,
    "hold": _set_held,
    "steer": _steer,
    "cut": _cut,
    "reactivity": _set_reactivity,
    "duck": _set_duck,
    "voice": _voice,
    "record": _record,
}
