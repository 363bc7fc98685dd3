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
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import websockets
from av import VideoFrame

from stream import clock
from stream.beside.file_source import file_source
from stream.beside.obs_feed import obs_feed
from stream.beside.speakers import speakers
from stream.doors.server import serving
from stream.settings import Settings
from stream.webrtc.loopback import Recording, listening, publishing
from tests.e2e.test_audio_out import played
from tests.e2e.test_file_source import app_with, write_clip
from tests.e2e.test_loopback import session_of, until
from tests.stream import scripted_obs
from tests.stream.fake_sound import FakeSound, Stream

pytestmark = pytest.mark.e2e

DARK, BRIGHT = (20, 20, 20), (235, 235, 235)
TURN_S, HEARD_S = 2, 5.0
Mono = npt.NDArray[np.float64]


def in_turn() -> Iterator[VideoFrame]:
    """Dark and bright at 20 frames a second."""
    for color in itertools.cycle((DARK, BRIGHT)):
        picture = np.full((180, 320, 3), color, np.uint8)
        for _ in range(20 * TURN_S):
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
    pcm, _ = await asyncio.to_thread(played, f"{url}/audio/{name}", HEARD_S)
    return np.asarray(pcm[:, 0])


async def speakers_of(stream: Stream) -> Mono:
    """Pulled as a sound card would, by its own clock."""
    loop = asyncio.get_running_loop()
    began_s, blocks = loop.time(), []
    for block in range(int(HEARD_S * 100)):
        await asyncio.sleep(max(began_s + block / 100 - loop.time(), 0.0))
        blocks.append(stream.pull(480)[:, 0].astype(np.float64))
    return np.concatenate(blocks)


def loud_over_soft(mono: Mono) -> float:
    """How far the loudness went up and down: percentiles of the RMS of fifths of a second that sound."""
    rms = np.sqrt(np.mean(mono[: len(mono) // 9600 * 9600].reshape(-1, 9600) ** 2, axis=1))
    soft, loud = np.percentile(rms[rms > 0.01], [10, 90])
    return float(loud / soft)


@pytest.mark.parametrize("way_in", ["WHIP, VP8", "WHIP, H.264", "file", "obs-websocket"])
def test_every_way_out_hears_what_comes_in(way_in: str, tmp_path: Path) -> None:
    async def scenario() -> dict[str, float]:
        module = FakeSound()
        companions = [speakers(module, "")]
        async with contextlib.AsyncExitStack() as stack:
            if way_in == "file":
                write_clip(tmp_path / "clip.mp4", [*[DARK] * TURN_S, *[BRIGHT] * TURN_S])
                companions.append(file_source(str(tmp_path / "clip.mp4"), clock.monotonic))
            elif way_in == "obs-websocket":
                obs_url = await stack.enter_async_context(flickering_obs())
                companions.append(obs_feed(obs_url, "", clock.monotonic))
            settings = Settings(port=0, seed=1)
            app = app_with(companions, settings)
            url = await stack.enter_async_context(serving(app, settings))
            if way_in.startswith("WHIP"):
                codec = "VP8" if way_in.endswith("VP8") else "H264"
                await stack.enter_async_context(publishing(url, in_turn(), fps=20, codec=codec))
            await until(lambda: module.streams)
            await until(lambda: session_of(app).readings > 2)
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
