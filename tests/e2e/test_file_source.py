"""A file as the picture of a whole service: the music plays and follows it with no publisher at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame
from starlette.applications import Starlette

from stream import clock
from stream.beside.file_source import file_source
from stream.beside.speakers import speakers
from stream.doors.app import create_app
from stream.doors.server import serving
from stream.session.sessions import Companion
from stream.settings import Settings
from stream.webrtc.loopback import publishing
from tests.e2e.test_loopback import Picture, session_of, until
from tests.stream import scripted
from tests.stream.fake_sound import FakeSound

pytestmark = pytest.mark.e2e


def write_clip(path: Path, colors: Sequence[tuple[int, int, int]]) -> None:
    """One second of each color."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for color in colors:
            for _ in range(20):
                picture = np.full((48, 64, 3), color, np.uint8)
                out.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))


def app_with(companions: Sequence[Companion], settings: Settings) -> Starlette:
    return create_app(
        settings,
        sensor_factory=scripted.BrightnessSensor,
        windows=scripted.WINDOWS,
        composers=scripted.offers(),
        presets=scripted.PRESETS,
        companions=companions,
    )


def test_a_file_is_scored_without_a_publisher_until_one_comes(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", [(20, 20, 20), (230, 230, 230)])

    async def scenario() -> None:
        settings = Settings(port=0, seed=1, idle_end_s=0.5)
        app = app_with([file_source(str(tmp_path / "clip.mp4"), clock.monotonic)], settings)
        async with serving(app, settings) as url:
            await until(lambda: len(app.state.sessions) == 1)
            session = session_of(app)
            await until(lambda: session.egress is not None and session.egress.state == "playing")
            assert session.peers.video_state == "live" and session.notice == ""
            # It loops: the light comes and goes more often than it does in the file.
            await until(lambda: session.mood.cuts.count >= 4)
            assert not session.closing  # nobody listens, nobody publishes: it is kept all the same
            async with publishing(url, iter(Picture(250, 20, 20)), fps=20, codec="VP8"):
                await until(lambda: session.affect.valence > 0.5)
                cuts = session.mood.cuts.count
                await asyncio.sleep(1.5)
                assert session.mood.cuts.count <= cuts + 1  # the file does not flicker into it
            await until(lambda: session.mood.cuts.count >= cuts + 3)  # and is back afterwards

    asyncio.run(scenario())


def test_the_music_comes_out_of_the_speakers(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = Settings(port=0, seed=1)
        module = FakeSound()
        app = app_with([speakers(module, "cable")], settings)
        async with serving(app, settings):
            await until(lambda: module.streams)
            (stream,) = module.streams
            assert stream.choices["device"] == 3
            session = session_of(app)
            await until(lambda: session.egress is not None and session.egress.played_s > 0.5)
            heard = [stream.pull(480) for _ in range(6)]
            assert np.abs(np.concatenate(heard)).max() > 0.1
        assert stream.state == "closed"

    asyncio.run(scenario())


def test_a_device_that_refuses_is_said_and_nothing_else_suffers() -> None:
    async def scenario() -> None:
        settings = Settings(port=0, seed=1)
        app = app_with([speakers(FakeSound(refuses="Device in use"), "")], settings)
        async with serving(app, settings):
            await until(lambda: len(app.state.sessions) == 1)
            session = session_of(app)
            await until(lambda: session.notice)
            assert "Device in use" in session.notice

    asyncio.run(scenario())
