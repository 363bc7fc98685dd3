"""The JSON of `/ws/{session}`: what is told, and what a client may ask. Pure but for the session it reads."""

from __future__ import annotations

import json
import math
from typing import Any

from stream.ports import AnchorReply, Reading
from stream.session import Session

MAX_MESSAGE_BYTES = 16 * 1024
MAX_ANCHOR_CHARACTERS = 2000

Json = dict[str, Any]


def hello(session: Session, presets: tuple[str, ...]) -> Json:
    return {
        "type": "hello",
        "session": session.name,
        "presets": list(presets),
        "anchor": anchor(session.anchor_text, session.anchor),
        "volume": session.volume,
        "muted": session.muted,
        "held": session.held,
    }


def anchor(text: str, reply: AnchorReply) -> Json:
    return {"text": text, **reply._asdict()}


def telemetry(session: Session, cuts: list[float]) -> Json:
    """`cuts` are those this client has not been told of, in session seconds."""
    slot, egress, composer = session.slot, session.egress, session.composer_status
    levels = egress.levels() if egress is not None else None
    playing = session.now_playing
    return {
        "type": "telemetry",
        "t_s": round(session.time_s(), 3),
        "affect": {name: round(value, 4) for name, value in session.affect._asdict().items()},
        "reading": _reading(session.reading),
        "cuts": [round(t_s, 3) for t_s in cuts],
        "levels": {
            "rms_db": round(levels.rms_db, 1) if levels is not None else -120.0,
            "peak_db": round(levels.peak_db, 1) if levels is not None else -120.0,
        },
        "video": {
            "state": session.peers.video_state,
            "width": slot.width,
            "height": slot.height,
            "frames": slot.frames,
            "dropped": slot.dropped,
            "readings": session.readings,
        },
        "audio": {
            "state": egress.state if egress is not None else "starting",
            "played_s": round(egress.played_s, 2) if egress is not None else 0.0,
            "underruns": egress.underruns if egress is not None else 0,
            "buffer_ms": round(session.buffer_ms),
            "listeners": session.peers.listeners,
        },
        "composer": {
            "style": "",
            "key": "",
            "tempo_bpm": 0.0,
            **{name: value for name, value in playing.items() if _plain(value)},
            "state": composer.state,
            "restarts": composer.restarts,
        },
        "notice": session.notice,
    }


def _plain(value: str | float) -> bool:
    """JSON has no infinities."""
    return isinstance(value, str) or math.isfinite(value)


def _reading(reading: Reading | None) -> Json | None:
    if reading is None:
        return None
    return {
        "t_s": round(reading.t_s, 3),
        "valence": round(reading.valence, 4),
        "arousal": round(reading.arousal, 4),
        "confidence": round(reading.confidence, 4),
    }


def answer(session: Session, text: str) -> Json:
    """Do what a client's message asks; the `ok` or `error` to send back."""
    if len(text.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        return _error("", f"The message is too long: at most {MAX_MESSAGE_BYTES} bytes.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return _error("", "The message is not JSON.")
    if not isinstance(message, dict):
        return _error("", "The message is not a JSON object.")
    kind = message.get("type")
    value = message.get("value")
    match kind:
        case "anchor":
            return _set_anchor(session, message.get("text"))
        case "volume":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                return _error(kind, "The volume is a number from 0 to 1.")
            session.set_volume(float(value))
        case "mute":
            if not isinstance(value, bool):
                return _error(kind, "Mute is true or false.")
            session.set_muted(value)
        case "hold":
            if not isinstance(value, bool):
                return _error(kind, "Hold is true or false.")
            session.held = value
        case str():
            return _error(kind[:64], "The type is not known: anchor, volume, mute and hold are.")
        case _:
            return _error("", "The message has no type: anchor, volume, mute and hold are known.")
    return {"type": "ok", "to": kind}


def binary_refused() -> Json:
    return _error("", "Send text frames: one JSON object each.")


def _set_anchor(session: Session, text: object) -> Json:
    if not isinstance(text, str):
        return _error("anchor", "The anchor is a text: name a preset or describe the music.")
    if len(text) > MAX_ANCHOR_CHARACTERS:
        return _error("anchor", f"The anchor is too long: at most {MAX_ANCHOR_CHARACTERS} characters.")
    try:
        reply = session.set_anchor(text)
    except ValueError as error:
        return _error("anchor", str(error))
    return {"type": "ok", "to": "anchor", "anchor": anchor(text, reply)}


def _error(to: str, detail: str) -> Json:
    return {"type": "error", "to": to, "detail": detail}
