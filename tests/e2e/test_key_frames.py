"""A busy machine decodes a picture a second or key frames only, and asks the sender for key frames."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from av import VideoFrame

from stream.doors.server import serving
from stream.session.load import Level
from stream.settings import Settings
from stream.webrtc.loopback import publishing
from tests.e2e.test_loopback import until
from tests.stream.served import scripted_app

pytestmark = pytest.mark.e2e


def pictures() -> Iterator[VideoFrame]:
    while True:
        yield VideoFrame(64, 48, "yuv420p")


def test_only_key_frames_are_decoded_and_the_sender_is_asked_for_them() -> None:
    async def scenario() -> None:
        settings = Settings(port=0, warm_composers=0)
        app = scripted_app(settings)
        async with serving(app, settings) as url, publishing(url, pictures(), fps=20):
            sessions = app.state.sessions
            session = sessions.get("live")

            async def frames(seconds: float) -> int:
                before: int = session.slot.frames
                await asyncio.sleep(seconds)
                return int(session.slot.frames) - before

            await until(lambda: session.slot.frames > 5)
            assert await frames(1.0) > 10
            sessions.admission.apply(Level.FEWER_PICTURES, sessions)
            assert "once a second" in session.notice
            await asyncio.sleep(2.5)
            # One is asked for every second, and comes; up to there a fifth of the others is decoded.
            assert 3 <= await frames(4.2) <= 50
            sessions.admission.apply(Level.KEY_FRAMES, sessions)
            assert "key frames" in session.notice
            await asyncio.sleep(0.3)
            assert 2 <= await frames(4.2) <= 8
            sessions.admission.apply(Level.ALL, sessions)
            await asyncio.sleep(1.0)
            assert await frames(1.0) > 10 and session.notice == ""

    asyncio.run(scenario())
