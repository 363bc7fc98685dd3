"""The real OBS Studio as the way in: its program is the picture, its scene switch a cut that is heard."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import websockets
from av import VideoFrame

from stream import clock
from stream.beside.obs_client import ObsClient
from stream.beside.obs_feed import obs_feed
from stream.beside.obs_protocol import Json, level_db
from stream.doors.app import create_app
from stream.doors.server import serving
from stream.session.session import Session
from stream.settings import Settings
from stream.sound.level_meter import FLOOR_DB
from tests.e2e.obs_studio import obs_studio
from tests.e2e.obs_studio import required as obs_required
from tests.e2e.test_loopback import service, until
from tests.stream import scripted

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PASSWORD = "correct horse battery"
# Alike in brightness, so that no sensor calls the switch a cut: only OBS can have told us.
RED, BLUE = (200, 40, 40), (40, 40, 200)


def write_clip(path: Path, color: tuple[int, int, int]) -> None:
    """Ten seconds of one color with a light that wanders, H.264."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for n in range(300):
            picture = np.full((180, 320, 3), color, np.uint8)
            picture[80:100, n : n + 20] = 255
            out.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))


@contextlib.asynccontextmanager
async def directing(
    url: str, password: str, on_event: Callable[[str, Json], None] = lambda kind, data: None
) -> AsyncIterator[ObsClient]:
    """A second client of OBS: the streamer's hand, and with `on_event` the eye."""
    async with ObsClient(url, password, on_event) as client:
        reading = asyncio.create_task(client.run())
        try:
            yield client
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


@contextlib.asynccontextmanager
async def watching(obs_url: str) -> AsyncIterator[tuple[Session, str]]:
    """The service with this OBS beside it: the session that it feeds, and the service's address."""
    settings = Settings(port=0, seed=1)
    app = create_app(
        settings,
        sensor_factory=scripted.BrightnessSensor,
        windows=scripted.WINDOWS,
        composers=scripted.offers(),
        presets=scripted.PRESETS,
        companions=[obs_feed(obs_url, PASSWORD, clock.monotonic)],
    )
    async with serving(app, settings) as url:
        await until(lambda: app.state.sessions.get("live") is not None)
        yield app.state.sessions.get("live"), url


async def add_scene(client: ObsClient, name: str, clip: Path) -> None:
    await client.request("CreateScene", {"sceneName": name})
    await client.request(
        "CreateInput",
        {
            "sceneName": name,
            "inputName": f"{name} clip",
            "inputKind": "ffmpeg_source",
            "inputSettings": {"local_file": str(clip), "looping": True, "hw_decode": False},
        },
    )
    items = await client.request("GetSceneItemList", {"sceneName": name})
    stretched = {"boundsType": "OBS_BOUNDS_STRETCH", "boundsWidth": 320, "boundsHeight": 180}
    await client.request(
        "SetSceneItemTransform",
        {
            "sceneName": name,
            "sceneItemId": items["sceneItems"][0]["sceneItemId"],
            "sceneItemTransform": stretched,
        },
    )


async def heard(url: str, seconds: float) -> npt.NDArray[np.float64]:
    """The music's left channel from now on."""
    pcm = b""
    async with websockets.connect(url.replace("http", "ws", 1) + "/pcm/live") as socket:
        while len(pcm) < seconds * 48_000 * 4:
            message = await socket.recv()
            pcm += message if isinstance(message, bytes) else b""
    return np.frombuffer(pcm, "<i2").reshape(-1, 2)[:, 0] / 32768.0


def pitch_hz(mono: npt.NDArray[np.float64]) -> float:
    return float(np.abs(np.fft.rfft(mono * np.hanning(len(mono)))).argmax() * 48_000 / len(mono))


def test_a_scene_switch_in_obs_is_a_cut_and_is_heard(tmp_path: Path) -> None:
    write_clip(tmp_path / "red.mp4", RED)
    write_clip(tmp_path / "blue.mp4", BLUE)

    async def scenario(obs_url: str) -> None:
        async with directing(obs_url, PASSWORD) as hand:
            version = await hand.request("GetVersion")
            print(f"OBS {version['obsVersion']}, obs-websocket {version['obsWebSocketVersion']}")
            for name in ("red", "blue"):
                await add_scene(hand, name, tmp_path / f"{name}.mp4")
            await hand.request("SetCurrentProgramScene", {"sceneName": "red"})
            async with watching(obs_url) as (session, url):
                began_s = time.monotonic()
                await until(lambda: session.readings >= 8)
                rate_hz = 7 / (time.monotonic() - began_s)
                print(f"{rate_hz:.1f} readings a second")
                await until(lambda: session.affect.valence > 0.3)
                assert session.obs_status == ("connected", "red")
                assert session.peers.video_state == "live"
                await until(lambda: session.egress is not None and session.egress.state == "playing")
                high = pitch_hz(await heard(url, 0.5))
                cuts = session.mood.cuts.count
                switched_s = time.monotonic()
                await hand.request("SetCurrentProgramScene", {"sceneName": "blue"})
                await until(lambda: session.mood.cuts.count > cuts)
                print(f"cut told after {1000 * (time.monotonic() - switched_s):.0f} ms")
                await until(lambda: session.affect.valence < -0.3)
                print(f"affect crossed after {1000 * (time.monotonic() - switched_s):.0f} ms")
                await asyncio.sleep(0.3)
                low = pitch_hz(await heard(url, 0.5))
                assert session.mood.cuts.count == cuts + 1  # the scene and its transition are one
                assert session.obs_status == ("connected", "blue")
                assert low < high - 100
                await until(lambda: len(session.accent_log) >= 1)

    with obs_studio(tmp_path, PASSWORD) as obs_url:
        asyncio.run(scenario(obs_url))


def test_a_media_source_of_obs_plays_the_music(tmp_path: Path) -> None:
    """The way for an OBS without browser sources: the level in its mixer is our music's and falls with it."""

    async def scenario(obs_url: str) -> None:
        levels = [FLOOR_DB]

        def look(kind: str, data: Json) -> None:
            if kind == "InputVolumeMeters" and (level := level_db(data, frozenset({"Music"}))) is not None:
                levels.append(level)

        async with service() as (_, url), directing(obs_url, PASSWORD, look) as hand:
            await hand.request("CreateScene", {"sceneName": "live"})
            await hand.request("SetCurrentProgramScene", {"sceneName": "live"})
            settings = {"is_local_file": False, "input": f"{url}/audio/live.ogg"}
            source = {"inputName": "Music", "inputKind": "ffmpeg_source", "inputSettings": settings}
            await hand.request("CreateInput", {"sceneName": "live", **source})
            await until(lambda: levels[-1] > -30.0, 60.0)
            async with websockets.connect(url.replace("http", "ws", 1) + "/ws/live") as socket:
                await socket.send(json.dumps({"type": "mute", "value": True}))
                await until(lambda: levels[-1] < -60.0, 60.0)
                await socket.send(json.dumps({"type": "mute", "value": False}))
                await until(lambda: levels[-1] > -30.0, 60.0)

    with obs_studio(tmp_path, PASSWORD) as obs_url:
        asyncio.run(scenario(obs_url))


def test_obs_that_is_closed_and_opened_again_is_found_again(tmp_path: Path) -> None:
    """At once closed (killed, the worst way), the music plays on without its picture; then it comes back."""

    async def opened(stack: contextlib.ExitStack, home: str, port: int = 0) -> str:
        folder = tmp_path / home
        folder.mkdir()
        return await asyncio.to_thread(stack.enter_context, obs_studio(folder, PASSWORD, port))

    async def scenario() -> None:
        with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
            obs_url = await opened(first, "first")
            async with watching(obs_url) as (session, url):
                await until(lambda: session.readings > 2 and session.obs_status.state == "connected")
                pid = session.composer_pid
                await asyncio.to_thread(first.close)
                await until(lambda: session.obs_status.state != "connected")
                await until(lambda: session.peers.video_state == "gone" and "OBS" in session.notice)
                assert np.abs(await heard(url, 0.3)).max() > 0.05
                await opened(second, "second", int(obs_url.rsplit(":", 1)[1]))
                readings = session.readings
                took_s = await until(lambda: session.readings > readings + 1, 60.0)
                print(f"OBS opened again: read again {took_s:.1f} s after its port was open")
                assert session.obs_status.state == "connected" and "OBS" not in session.notice
                assert session.composer_pid == pid and session.composer_status.restarts == 0

    obs_required()
    asyncio.run(scenario())
