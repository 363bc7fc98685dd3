"""Every way in by every way out: what goes in is seen, and what comes out everywhere follows it.

Each way in shows a picture that goes dark and bright in turn; all ways out listen at once. The table in the
README is this test's.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import websockets
from av import VideoFrame
from playwright.async_api import async_playwright

from stream import clock
from stream.beside.file_source import file_source
from stream.beside.obs_feed import obs_feed
from stream.beside.speakers import speakers
from stream.doors.server import serving
from stream.session.sessions import Companion
from stream.settings import Settings
from stream.webrtc.loopback import Recording, listening, publishing
from tests.e2e import libdatachannel
from tests.e2e.chromium import FLAGS, chromium_path
from tests.e2e.gstreamer import gstreamer_peer
from tests.e2e.libdatachannel import node_modules, write_access_units
from tests.e2e.peer_process import peer_process
from tests.e2e.swings import HEARD_S, TURN_S, Mono, loud_over_soft
from tests.e2e.test_audio_out import played
from tests.e2e.test_ffmpeg_whip import ffmpeg
from tests.e2e.test_file_source import app_with, write_clip
from tests.e2e.test_loopback import session_of, until
from tests.stream import scripted_obs
from tests.stream.doors.test_tls import write_pair
from tests.stream.fake_sound import FakeSound, Stream

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DARK, BRIGHT = (20, 20, 20), (235, 235, 235)
FPS, CAMERA_FPS = 20, 10
FROM_INSIDE = ("file", "obs-websocket")
"""Ways in that the service itself opens: nobody publishes."""
PATIENCE_S = 60.0
CAMERA_FLAGS = (
    *FLAGS,
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
)


def in_turn(fps: int) -> Iterator[VideoFrame]:
    """Dark and bright at `fps` frames a second."""
    for color in itertools.cycle((DARK, BRIGHT)):
        picture = np.full((180, 320, 3), color, np.uint8)
        for _ in range(fps * TURN_S):
            yield VideoFrame.from_ndarray(picture, format="rgb24")


@contextlib.asynccontextmanager
async def flickering_obs() -> AsyncIterator[str]:
    async def turn(obs: scripted_obs.ScriptedObs) -> None:
        for color in itertools.cycle((DARK, BRIGHT)):
            picture = base64.b64encode(scripted_obs.jpeg(color[0])).decode()
            obs.answers["GetSourceScreenshot"] = {"imageData": f"data:image/jpg;base64,{picture}"}
            await asyncio.sleep(TURN_S)

    async with scripted_obs.obs() as obs:
        turning = asyncio.create_task(turn(obs))
        try:
            yield obs.url
        finally:
            turning.cancel()


async def pcm_of(url: str) -> Mono:
    blocks: list[Mono] = []
    async with websockets.connect(url.replace("http", "ws", 1) + "/pcm/live") as socket:
        json.loads(await socket.recv())
        while sum(len(block) for block in blocks) < HEARD_S * 48_000:
            message = await socket.recv()
            if isinstance(message, bytes):
                blocks.append(np.frombuffer(message, np.int16)[::2] / 32768.0)
    return np.concatenate(blocks)


async def webrtc_of(url: str) -> Mono:
    recording = Recording()
    async with listening(url, recording):
        await until(lambda: len(recording.blocks) > HEARD_S * 50)
    return np.asarray(recording.pcm()[:, 0] / 32768.0)


async def http_of(url: str, name: str) -> Mono:
    return np.asarray((await asyncio.to_thread(played, f"{url}/audio/{name}", HEARD_S))[:, 0])


async def speakers_of(stream: Stream) -> Mono:
    """Pulled as a sound card would, by its own clock."""
    loop = asyncio.get_running_loop()
    began_s, blocks = loop.time(), []
    for block in range(int(HEARD_S * 100)):
        await asyncio.sleep(max(began_s + block / 100 - loop.time(), 0.0))
        blocks.append(stream.pull(480)[:, 0].astype(np.float64))
    return np.concatenate(blocks)


@contextlib.asynccontextmanager
async def chromium_camera(url: str, folder: Path) -> AsyncIterator[None]:
    """The studio page in Chromium, its camera the picture."""
    clip = folder / "camera.y4m"
    with av.open(str(clip), "w", format="yuv4mpegpipe") as out:
        video = out.add_stream("rawvideo", rate=CAMERA_FPS)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        for number, frame in enumerate(itertools.islice(in_turn(CAMERA_FPS), 2 * TURN_S * CAMERA_FPS)):
            small = frame.reformat(format="yuv420p")
            small.pts, small.time_base = number, Fraction(1, CAMERA_FPS)
            out.mux(video.encode(small))
        out.mux(video.encode())
    flags = [*CAMERA_FLAGS, f"--use-file-for-fake-video-capture={clip}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=flags)
        try:
            page = await browser.new_page()
            await page.goto(url)
            await page.get_by_role("radio", name="Camera").check()
            await page.get_by_role("button", name="Start").click()
            yield
        finally:
            await browser.close()


def publisher(
    way_in: str, url: str, folder: Path, config: pytest.Config
) -> contextlib.AbstractAsyncContextManager[object]:
    """Somebody who sends the picture in `way_in`; skips the test where it cannot be had."""
    dark, bright = DARK[0], BRIGHT[0]
    levels = [dark] * TURN_S + [bright] * TURN_S
    match way_in:
        case "WHIP, VP8" | "WHIP, H.264":
            codec = "VP8" if way_in.endswith("VP8") else "H264"
            return publishing(url, in_turn(FPS), fps=FPS, codec=codec)
        case "Chromium":
            return chromium_camera(url, folder)
        case "libdatachannel":
            modules, units = node_modules(config), folder / "units"
            write_access_units(units, levels, (320, 180), 500_000)
            peer, fps = str(libdatachannel.PEER), str(libdatachannel.FPS)
            return peer_process("node", peer, str(modules), url + "/whip", "", str(units), fps)
        case "FFmpeg":
            if "whip" not in av.formats_available:
                pytest.skip("this PyAV has no WHIP muxer: PyAV 17 or newer")
            return ffmpeg(url + "/whip", write_pair(folder), levels, 120.0)
        case _:
            command = (*gstreamer_peer(), "publish", url + "/whip", "H264", str(TURN_S))
            return peer_process(*command)


def companions_of(way_in: str, folder: Path, obs_url: str) -> list[Companion]:
    """What feeds the session from inside the service."""
    if way_in == "file":
        write_clip(folder / "clip.mp4", [*[DARK] * TURN_S, *[BRIGHT] * TURN_S])
        return [file_source(str(folder / "clip.mp4"), clock.monotonic)]
    if way_in == "obs-websocket":
        return [obs_feed(obs_url, "", clock.monotonic)]
    return []


@pytest.mark.parametrize(
    "way_in",
    [*FROM_INSIDE, "WHIP, VP8", "WHIP, H.264", "Chromium", "libdatachannel", "FFmpeg", "GStreamer"],
)
def test_every_way_out_hears_what_comes_in(way_in: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    async def scenario() -> dict[str, float]:
        module = FakeSound()
        async with contextlib.AsyncExitStack() as stack:
            obs_url = await stack.enter_async_context(flickering_obs()) if way_in == "obs-websocket" else ""
            settings = Settings(port=0, seed=1)
            app = app_with([speakers(module, ""), *companions_of(way_in, tmp_path, obs_url)], settings)
            url = await stack.enter_async_context(serving(app, settings))
            if way_in not in FROM_INSIDE:
                await stack.enter_async_context(publisher(way_in, url, tmp_path, pytestconfig))
            await until(lambda: module.streams, PATIENCE_S)
            await until(lambda: session_of(app).readings > 2, PATIENCE_S)
            ways_out = {
                "WHEP": webrtc_of(url),
                "HTTP, Ogg": http_of(url, "live.ogg"),
                "HTTP, WAV": http_of(url, "live.wav"),
                "PCM": pcm_of(url),
                "speakers": speakers_of(module.streams[0]),
            }
            heard = await asyncio.gather(*ways_out.values())
            return {name: loud_over_soft(mono) for name, mono in zip(ways_out, heard, strict=True)}

    swings = asyncio.run(scenario())
    print(way_in, {name: round(swing, 1) for name, swing in swings.items()})
    assert all(swing > 1.5 for swing in swings.values()), swings
