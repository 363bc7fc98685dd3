"""What is set from one page is told to all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from stream.doors import messages, telemetry
from stream.session.session import Session
from stream.session.sessions import Sessions
from stream.settings import Settings
from tests import virtual_time
from tests.stream.test_anchor_from_picture import services


def told_after(*controls: dict[str, Any], at: Callable[[Session], None] = lambda session: None) -> list[Any]:
    """What a client hears that is there from the beginning, `at` happens before it is told of anything."""

    class Outbox:
        def __init__(self) -> None:
            self.sent: list[dict[str, Any]] = []

        def post(self, message: dict[str, Any]) -> None:
            self.sent.append(json.loads(json.dumps(message)))

    async def scenario() -> list[Any]:
        shared = services(Settings())
        session = Session("live", shared)
        outbox = Outbox()
        report = asyncio.create_task(telemetry._report(outbox, session, Sessions(shared)))  # type: ignore[arg-type]
        at(session)
        await asyncio.sleep(0.25)
        for control in controls:
            assert messages.answer(session, json.dumps(control))["type"] == "ok"
        await asyncio.sleep(0.25)
        report.cancel()
        return outbox.sent

    return virtual_time.run(scenario())


def settings_in(sent: list[Any]) -> list[Any]:
    return [message for message in sent if message["type"] == "settings"]


@pytest.mark.parametrize(
    ("control", "field", "value"),
    [
        ({"type": "panic"}, "muted", True),
        ({"type": "mute", "value": True}, "muted", True),
        ({"type": "volume", "value": 0.25}, "volume", 0.25),
        ({"type": "hold", "value": True}, "held", True),
        ({"type": "reactivity", "value": "calm"}, "reactivity", "calm"),
        ({"type": "duck", "depth_db": 20}, "duck", {"depth_db": 20.0, "source": "none"}),
        ({"type": "duck", "source": "page"}, "duck", {"depth_db": 12.0, "source": "page"}),
    ],
)
def test_what_was_set_is_told_once(control: dict[str, Any], field: str, value: object) -> None:
    sent = told_after(control)
    (told,) = settings_in(sent)
    assert told[field] == value
    assert sent.index(told) >= 4, "not before it changed"


def test_what_is_set_together_is_told_together() -> None:
    (told,) = settings_in(told_after({"type": "volume", "value": 0.25}, {"type": "hold", "value": True}))
    assert (told["volume"], told["held"]) == (0.25, True)


def test_what_is_the_same_as_before_is_not_told() -> None:
    assert settings_in(told_after({"type": "volume", "value": 1}, {"type": "another"})) == []


def test_what_is_set_as_a_page_comes_is_in_its_hello() -> None:
    sent = told_after(at=lambda session: session.music.set_volume(0.5))
    assert sent[0]["type"] == "hello" and sent[0]["volume"] == 0.5
    assert settings_in(sent) == []
