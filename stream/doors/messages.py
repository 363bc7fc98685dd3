"""The JSON of `/ws/{session}`: what is told, and what a client may ask. Pure but for the session it reads."""

from __future__ import annotations

import json
import math

from stream.doors import controls
from stream.ports import Reading
from stream.session.session import Session

Json = controls.Json
MAX_MESSAGE_BYTES = 16 * 1024


def hello(session: Session, presets: tuple[str, ...]) -> Json:
    return {
        "type": "hello",
        "session": session.name,
        "id": session.id,
        "presets": list(presets),
        "anchor": controls.anchor(session.style.text, session.style.anchor),
        "composer": session.music.composer.name,
        "composers": composers(session),
        **_settings(session),
        "reactivities": list(session.mood.reactivities),
        "set": sorted(session.set_by_clients),
    }


def settings(session: Session) -> Json:
    """What is set for all listeners: told again when it has changed, by whomever."""
    return {"type": "settings", **_settings(session)}


def _settings(session: Session) -> Json:
    return {
        "volume": session.music.volume,
        "muted": session.music.muted,
        "held": session.mood.held,
        "reactivity": session.mood.reactivity,
        "duck": {"depth_db": session.control.ducker.depth_db, "source": session.control.duck_source},
    }


def composers(session: Session) -> list[Json]:
    """Who may be chosen, for people."""
    return [
        {"name": one.name, "title": one.title, "licence": one.licence}
        for one in session.style.composers.values()
    ]


def anchored(session: Session) -> Json:
    """The anchor or the composer that reads it has changed, by whomever."""
    return {
        "type": "anchor",
        "anchor": controls.anchor(session.style.text, session.style.anchor),
        "composer": session.music.composer.name,
    }


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
            "key_frame_s": round(slot.key_frame_s, 2) if session.peers.published else 0.0,
        },
        "audio": {
            "state": egress.state if egress is not None else "starting",
            "played_s": round(egress.played_s, 2) if egress is not None else 0.0,
            "underruns": egress.underruns if egress is not None else 0,
            "buffer_ms": round(session.buffer_ms),
            "ahead_ms": round(session.ahead_ms),
            "listeners": session.listeners,
        },
        "composer": {
            "style": "",
            "key": "",
            "tempo_bpm": 0.0,
            **{name: value for name, value in playing.items() if _plain(value)},
            "state": composer.state,
            "restarts": composer.restarts,
        },
        "duck_db": round(session.control.duck_db, 1),
        "obs": session.obs_status._asdict(),
        "recording": _recording(session),
        "notice": session.notice,
    }


def _plain(value: str | float) -> bool:
    """JSON has no infinities."""
    return isinstance(value, str) or math.isfinite(value)


def _recording(session: Session) -> Json:
    recorder = session.recorder
    if recorder is None:
        return {"on": False, "seconds": 0.0, "place": ""}
    return {"on": recorder.on, "seconds": round(recorder.seconds, 1), "place": recorder.place}


def _reading(reading: Reading | None) -> Json | None:
    if reading is None:
        return None
    return {
        "t_s": round(reading.t_s, 3),
        "valence": round(reading.valence, 4),
        "arousal": round(reading.arousal, 4),
        "confidence": round(reading.confidence, 4),
    }


def answer(session: Session, text: str, may_control: bool = True) -> Json:
    """Do what a client's message asks, if it may; the `ok` or `error` to send back."""
    if len(text.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
        return _error("", f"The message is too long: at most {MAX_MESSAGE_BYTES} bytes.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return _error("", "The message is not JSON.")
    if not isinstance(message, dict):
        return _error("", "The message is not a JSON object.")
    kind = message.get("type")
    to = kind[:64] if isinstance(kind, str) else ""
    if not may_control and to:
        return _error(to, "This token does not allow to control the music: use the address for that.")
    try:
        return {"type": "ok", "to": to, **controls.obey(session, message)}
    except controls.BadControl as error:
        return _error(to, str(error))


def binary_refused() -> Json:
    return _error("", "Send text frames: one JSON object each.")


def _error(to: str, detail: str) -> Json:
    return {"type": "error", "to": to, "detail": detail}
