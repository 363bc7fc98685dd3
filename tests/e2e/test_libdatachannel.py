"""Another WebRTC stack: libdatachannel, which is inside OBS, publishing H.264 as OBS does.

It is installed from npm (`node-datachannel`) into pytest's cache, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from stream.access import Access
from stream.webrtc.loopback import Recording, listening
from tests.e2e.test_loopback import service, session_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PACKAGE = "node-datachannel@0.33.4"
PEER = Path(__file__).with_name("libdatachannel_peer.mjs")
FPS = 30
TOKEN = "obs-token-obs-token-1"
HOW = f"install Node.js and npm, and let `npm install {PACKAGE}` reach its registry"


@pytest.fixture(scope="module")
def modules(pytestconfig: pytest.Config) -> Path:
    """A folder whose node_modules hold the library."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"no second WebRTC stack: {HOW}")
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir(PACKAGE.replace("@", "-"))
    (folder / "package.json").write_text('{"private": true}')
    if not (folder / "node_modules" / "node-datachannel").exists():
        command = [npm, "install", "--no-audit", "--no-fund", PACKAGE]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
        if done.returncode != 0:
            pytest.skip(f"no second WebRTC stack: {HOW}; npm said {done.stderr[-200:]!r}")
    return folder


def write_access_units(path: Path, level: int) -> None:
    """Two seconds of H.264 as OBS would be told to send it: baseline, a key frame a second, no B-frames.

    A checkerboard of `level` whose phase moves, so that every frame differs.
    """
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = 1280, 720, "yuv420p"
    codec.framerate, codec.time_base = Fraction(FPS), Fraction(1, FPS)
    codec.gop_size = FPS
    codec.bit_rate = 2_500_000
    codec.profile = "Baseline"
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0"}
    y, x = np.mgrid[0:720, 0:1280]
    with path.open("wb") as out:
        for n in range(2 * FPS):
            board = ((x + 8 * n) // 64 + y // 64) % 2
            gray = np.where(board == 1, level, level * 3 // 4).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(gray[..., None], 3, axis=2), format="rgb24")
            frame.pts = n
            for packet in codec.encode(frame.reformat(format="yuv420p")):
                unit = bytes(packet)
                out.write(len(unit).to_bytes(4, "big") + unit)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("h264")
    for name, level in (("dark", 40), ("bright", 235)):
        write_access_units(folder / name, level)
    return {name: folder / name for name in ("dark", "bright")}


class Publisher:
    """The peer's process and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    def heard(self, key: str) -> Any:
        """The last value said under `key`, or None."""
        return next((message[key] for message in reversed(self.said) if key in message), None)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))

    def vanish(self) -> None:
        """As a lost network would: not a word to the service."""
        self.process.kill()


@contextlib.asynccontextmanager
async def obs(modules: Path, url: str, picture: Path, token: str = TOKEN) -> AsyncIterator[Publisher]:
    """Publishes while the block runs."""
    process = await asyncio.create_subprocess_exec(
        "node",
        *(str(PEER), str(modules), url, token, str(picture), str(FPS)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    publisher = Publisher(process)
    reading = asyncio.create_task(publisher.read())
    try:
        yield publisher
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(10):
            await process.wait()
            await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        reading.cancel()


def test_the_picture_of_libdatachannel_is_scored(modules: Path, pictures: dict[str, Path]) -> None:
    async def scenario() -> None:
        async with service(access=Access(publish=TOKEN)) as (app, url):
            async with obs(modules, url + "/whip", pictures["bright"]) as publisher:
                await until(lambda: publisher.heard("status") is not None)
                offer = publisher.heard("offer")
                assert publisher.heard("status") == 201, publisher.heard("answer")
                assert "a=candidate" not in offer, "OBS sends none"
                assert re.search(r"^a=rtpmap:96 H264/90000", offer, re.MULTILINE)
                assert re.search(r"^a=rtpmap:111 opus/48000/2", offer, re.MULTILINE)
                session = session_of(app)
                await until(lambda: session.readings >= 5)
                assert session.peers.video_state == "live"
                assert (session.slot.width, session.slot.height) == (1280, 720)
                await until(lambda: session.affect.arousal > 0.4)
                await until(lambda: any(steer.arousal > 0.4 for steer in session.steer_log))
                frames = session.slot.frames
                await asyncio.sleep(2.0)
                assert session.slot.frames - frames > 1.6 * FPS, "frames were lost on the way"
                assert session.slot.key_frame_s == pytest.approx(1.0, abs=0.3)
            assert publisher.heard("deleted") == 200
            assert session.peers.video_state == "none"

    asyncio.run(scenario())


def test_obs_that_lost_its_network_comes_back_to_its_own_music(
    modules: Path, pictures: dict[str, Path]
) -> None:
    async def scenario() -> None:
        recording = Recording()
        async with (
            service(access=Access(publish=TOKEN)) as (app, url),
            listening(url, recording),
            obs(modules, url + "/whip", pictures["dark"]) as first,
        ):
            session = session_of(app)
            await until(lambda: session.readings >= 3)
            before, pid = session.id, session.composer_pid
            first.vanish()
            # At once: nobody has noticed yet that the first has gone.
            async with obs(modules, url + "/whip", pictures["bright"]) as second:
                await until(lambda: second.heard("status") is not None)
                assert second.heard("status") == 201
                await until(lambda: session.affect.arousal > 0.4)
                assert (session_of(app).id, session.composer_pid) == (before, pid)
                assert session.egress is not None and session.egress.underruns == 0
        gaps = np.diff([block.pts for block in recording.blocks])
        assert (gaps > 0).all() and gaps.max() <= 5 * 960, "the music stood still"

    asyncio.run(scenario())


def test_a_second_obs_with_another_token_is_turned_away(modules: Path, pictures: dict[str, Path]) -> None:
    async def scenario() -> None:
        async with service() as (app, url), obs(modules, url + "/whip", pictures["dark"]):
            await until(lambda: app.state.sessions.get("live") is not None)
            await until(lambda: session_of(app).readings >= 3)
            async with obs(modules, url + "/whip", pictures["bright"], "another-token-another") as second:
                await until(lambda: second.heard("status") is not None)
                assert second.heard("status") == 409
            assert session_of(app).peers.video_state == "live"
            assert "already has a publisher" in app.state.sessions.refusals.latest("live")

    asyncio.run(scenario())
