"""The slow reading in the real service: its process lives with it, moves its affect, writes its anchor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.vlm.host import SlowReading
from stream.cli.wiring import make_app
from stream.doors.server import serving
from stream.session.session import Session
from stream.settings import Settings
from tests.sensor.pictures import blobs, flat, frame_of
from tests.sensor.vlm import lives, test_host

pytestmark = pytest.mark.e2e

PICTURES_HZ = 8.0
WITHIN_S = 60.0


async def shown(session: Session, enough: asyncio.Event) -> None:
    """The same picture, 8 times a second."""
    frame = frame_of(blobs(5, 640, 360))
    while not enough.is_set():
        session.slot.put(frame, session.time_s())
        await asyncio.sleep(1 / PICTURES_HZ)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(round(WITHIN_S / 0.05)):
        if true():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_lives_with_the_service(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(port=0, warm_composers=0)
    slow = SlowReading(tmp_path, life=lives.musical, anchor_after_s=2.0)
    app = make_app(settings, slow=slow)
    assert not list(tmp_path.iterdir()), "nothing starts before the service does"

    async def scenario() -> None:
        async with serving(app, settings):
            session = app.state.sessions.get_or_begin("live")
            enough = asyncio.Event()
            showing = asyncio.create_task(shown(session, enough))
            mood = session.mood
            await until(lambda: mood.reading is not None and mood.reading.valence > 0.7)
            await until(lambda: mood.reading is not None and mood.reading.arousal < -0.7)
            await until(lambda: session.style.anchor.preset == "ambient")
            enough.set()
            await showing

    asyncio.run(scenario())
    (born,) = tmp_path.iterdir()
    assert not alive(int(born.name)), "and it ends with the service"
    assert "given up" not in caplog.text


@pytest.mark.parametrize("family", ["qwen3_vl"])
def test_a_real_model_in_a_real_process(family: str, tmp_path: Path) -> None:
    from tests.sensor.vlm.tiny_models import build  # torch and transformers: not for a glance at this file

    folder = build(family, tmp_path / "model", writes_music=True)
    with SlowReading(folder, "cpu", anchor_after_s=2.0) as host:
        shown = test_host.Clocked(host.open())
        for count in range(1, 4):
            shown.t_s += 1.0
            shown.eye.offer(flat(40 * count), shown.t_s)
            assert shown.wait(count, 120.0)
        assert test_host.until(lambda: shown.answered(3) and bool(shown.anchors), 30.0)
    assert shown.anchors[0] == "; ".join(["soft piano, slow strings"] * 4)
    assert all(0 < each.confidence <= 1 and -1 <= each.valence <= 1 for each in shown.found)
