"""docs/protocol.md is the contract: its examples and tables against what the code says and serves."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from starlette.routing import Route, WebSocketRoute

from stream.doors import audio_http, messages, metrics, pages, pcm_socket, telemetry, whep, whip
from stream.ports import Reading
from stream.session.session import Session
from tests.stream import scripted
from tests.stream.doors.test_messages import with_session

PROTOCOL = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")


def examples() -> list[dict[str, Any]]:
    """Every JSON object in a fenced block, in order."""
    found, decoder = [], json.JSONDecoder()
    for block in re.findall(r"```json\n(.*?)```", PROTOCOL, re.DOTALL):
        rest = block.strip()
        while rest:
            value, end = decoder.raw_decode(rest)
            found.append(value)
            rest = rest[end:].strip()
    return found


def shape(value: Any) -> Any:
    """Keys and kinds of values, all the way down; numbers are numbers."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list | tuple) else type(value).__name__


def example(kind: str) -> dict[str, Any]:
    (found,) = [e for e in examples() if e["type"] == kind]
    return found


def test_what_the_server_says_has_the_documented_shape() -> None:
    def check(session: Session) -> None:
        session.mood.reading = Reading(1.0, 0.0, 0.0, 1.0, False)
        assert shape(messages.hello(session, scripted.PRESETS)) == shape(example("hello"))
        assert shape(messages.telemetry(session, [1.0])) == shape(example("telemetry"))
        assert shape(messages.anchored(session)) == shape(example("anchor"))
        assert shape(messages.settings(session)) == shape(example("settings"))
        assert shape(messages.answer(session, "x")) == shape(example("error"))
        volume = json.dumps({"type": "volume", "value": 0.5})
        assert shape(messages.answer(session, volume)) == shape(example("ok"))

    with_session(check)


def test_pcm_messages_are_as_documented() -> None:
    def check(session: Session) -> None:
        assert pcm_socket.described(session) == example("pcm")
        assert pcm_socket.dropped(3) == example("dropped")

    with_session(check)


def test_every_documented_control_is_obeyed() -> None:
    controls = re.findall(r"^\| `(\{.*?\})` \|", PROTOCOL, re.MULTILINE)
    assert len(controls) >= 4

    def check(session: Session) -> None:
        for control in controls:
            assert messages.answer(session, control)["type"] == "ok", control

    with_session(check)


def test_the_route_table_is_complete_and_true() -> None:
    documented = set()
    for methods, paths in re.findall(r"^\| (`[^|]*?/[^|]*?) \|()", PROTOCOL, re.MULTILINE):
        assert paths == ""
        documented |= set(re.findall(r"/[a-z]*(?:/(?:\{\w+\}|\w+))*", methods))
    served = {
        route.path
        for module in (pages, metrics, whip, whep, telemetry, audio_http, pcm_socket)
        for route in module.routes
        if isinstance(route, Route | WebSocketRoute)
    }
    assert documented == served
