"""The style the picture asks for: taken once, if nobody has chosen one, and told to the pages."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from av import VideoFrame

from stream.composing.offer import Ensemble
from stream.doors import telemetry
from stream.latest_frame import LatestFrame
from stream.ports import Reading, WritesAnchor
from stream.sensing.readers import SensingPool
from stream.session.services import Services
from stream.session.session import Session
from stream.session.sessions import Sessions
from stream.settings import Settings
from tests import virtual_time
from tests.stream import scripted

SLOW, BRIGHT = scripted.PRESETS


class Describing(scripted.BrightnessSensor):
    """Knows the anchor with its second reading."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        self.reads += 1
        return super().read(frame, t_s)

    def take_anchor(self) -> str | None:
        return BRIGHT if self.reads == 2 else None


def services(settings: Settings) -> Services:
    return Services(
        settings,
        time.monotonic,
        SensingPool(Describing, time.monotonic, threads=1, readings_hz=200.0, duty=1.0),
        Ensemble(scripted.offers(), Settings(warm_composers=0)),
        scripted.WINDOWS,
        scripted.PRESETS,
        b"",
    )


def session(settings: Settings | None = None) -> Session:
    async def make() -> Session:
        return Session("live", services(settings or Settings()))

    return virtual_time.run(make())


def test_it_is_taken_when_nobody_has_chosen_and_then_held() -> None:
    one = session()
    one.propose_anchor(BRIGHT)
    assert one.style.text == BRIGHT and one.style.anchor.preset == BRIGHT
    one.propose_anchor(SLOW)
    assert one.style.text == BRIGHT, "held fixed"
    one.set_anchor(SLOW)
    assert one.style.text == SLOW, "but for the user"


def test_a_user_who_has_chosen_is_left_alone() -> None:
    one = session()
    one.set_anchor(SLOW)
    one.propose_anchor(BRIGHT)
    assert one.style.text == SLOW
    asked_for = session(replace(Settings(), default_anchor=SLOW))
    asked_for.propose_anchor(BRIGHT)
    assert asked_for.style.text == SLOW


@pytest.mark.parametrize("text", ["a lamp, two chairs", "  "])
def test_what_cannot_be_played_changes_nothing(text: str, caplog: pytest.LogCaptureFixture) -> None:
    one = session()
    one.propose_anchor(text)
    assert one.style.text == SLOW and "nothing playable" in caplog.text


def test_the_sensing_thread_hands_it_on_once() -> None:
    assert isinstance(Describing(), WritesAnchor)
    assert not isinstance(scripted.BrightnessSensor(), WritesAnchor)
    pool = SensingPool(Describing, time.monotonic, threads=1, readings_hz=200.0, duty=1.0)
    pool.start()
    slot, done = LatestFrame(), threading.Event()
    readings: list[Reading] = []
    anchors: list[str] = []

    def note(reading: Reading) -> None:
        readings.append(reading)
        slot.put(VideoFrame(32, 32, "rgb24"), reading.t_s + 1.0)
        if len(readings) == 5:
            done.set()

    pool.add("live", slot, note, anchors.append)
    slot.put(VideoFrame(32, 32, "rgb24"), 0.0)
    assert done.wait(10.0)
    pool.close()
    assert anchors == [BRIGHT]


def test_pages_are_told() -> None:
    class Outbox:
        def __init__(self) -> None:
            self.sent: list[dict[str, Any]] = []

        def post(self, message: dict[str, Any]) -> None:
            self.sent.append(json.loads(json.dumps(message)))

    async def scenario() -> list[dict[str, Any]]:
        shared = services(Settings())
        one = Session("live", shared)
        outbox = Outbox()
        report = asyncio.create_task(telemetry._report(outbox, one, Sessions(shared)))  # type: ignore[arg-type]
        await asyncio.sleep(0.25)
        one.propose_anchor(BRIGHT)
        await asyncio.sleep(0.25)
        report.cancel()
        return outbox.sent

    sent = virtual_time.run(scenario())
    told = [each for each in sent if each["type"] == "anchor"]
    assert len(told) == 1 and told[0]["anchor"]["text"] == BRIGHT
    assert sent.index(told[0]) >= 2, "not before it changed"
