"""Following OBS, against a scripted one: pictures, cuts, the microphone, and every way to lose it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from av import VideoFrame
from websockets.asyncio.server import ServerConnection, serve

from stream.beside import obs_client
from stream.beside.obs_feed import FASTEST_S, SLOWEST_S, ObsFeed, ScreenshotPace, decoded
from stream.session.session import ObsStatus
from tests.stream.scripted_obs import ScriptedObs, jpeg, obs, until

PASSWORD = "correct horse battery"


class Stage:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.wants_picture = True
        self.frames: list[VideoFrame] = []
        self.cuts = 0
        self.levels: list[float] = []
        self.states: list[ObsStatus] = []

    def show(self, frame: VideoFrame) -> None:
        self.frames.append(frame)

    def cut(self) -> None:
        self.cuts += 1

    def voice(self, level_db: float) -> None:
        self.levels.append(level_db)

    def status(self, status: ObsStatus) -> None:
        self.states.append(status)


async def soon(seconds: float) -> None:
    """In place of waiting a second or a quarter."""
    await asyncio.sleep(min(seconds, 0.01))


@contextlib.asynccontextmanager
async def following(
    url: str, password: str = "", sleep: Callable[[float], Awaitable[None]] = soon
) -> AsyncIterator[tuple[ObsFeed, Stage]]:
    stage = Stage()
    feed = ObsFeed(url, password, time.monotonic, stage, sleep)
    task = asyncio.create_task(feed.run())
    try:
        yield feed, stage
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


async def connected(script: ScriptedObs, stage: Stage) -> None:
    await until(lambda: stage.frames)


def test_the_program_is_the_picture() -> None:
    async def scenario() -> None:
        async with obs() as script, following(script.url) as (feed, stage):
            await until(lambda: len(stage.frames) >= 3)
            assert (stage.frames[0].width, stage.frames[0].height) == (320, 180)
            assert abs(int(stage.frames[0].to_ndarray(format="gray").mean()) - 120) < 4
            asked = script.asked("GetSourceScreenshot")[0]["requestData"]
            assert asked["sourceName"] == "Game" and asked["imageFormat"] == "jpg"
            assert asked["imageWidth"] == 320
            assert stage.states[-1] == ("connected", "Game") and feed.trouble == ""

    asyncio.run(scenario())


def test_a_scene_switch_is_a_cut_and_changes_what_is_looked_at() -> None:
    async def scenario() -> None:
        async with obs() as script, following(script.url) as (_, stage):
            await connected(script, stage)
            await script.event("CurrentProgramSceneChanged", sceneName="Chat")
            await until(
                lambda: script.asked("GetSourceScreenshot")[-1]["requestData"]["sourceName"] == "Chat"
            )
            await script.event("SceneTransitionStarted", transitionName="Fade")
            await script.event("SceneTransitionVideoEnded", transitionName="Fade")
            await script.event("SceneNameChanged", oldSceneName="Chat", sceneName="Talk")
            await until(lambda: stage.states[-1] == ("connected", "Talk"))
            assert stage.cuts == 2

    asyncio.run(scenario())


def test_only_microphones_are_heard() -> None:
    def meters(name: str, level: float) -> dict[str, object]:
        return {"inputName": name, "inputLevelsMul": [[level, level, level]]}

    async def scenario() -> None:
        async with obs() as script, following(script.url) as (_, stage):
            await connected(script, stage)
            await script.event("InputVolumeMeters", inputs=[meters("Game", 1.0)])
            both = [meters("Mic/Aux", 0.1), meters("Game", 1.0)]
            await script.event("InputVolumeMeters", inputs=both)
            await script.event("InputVolumeMeters", inputs=[meters("Headset", 0.01)])
            await until(lambda: len(stage.levels) == 2)
            assert stage.levels == pytest.approx([-20.0, -40.0])

    asyncio.run(scenario())


def test_no_screenshots_are_asked_for_while_a_publisher_has_the_picture() -> None:
    async def scenario() -> None:
        async with obs() as script, following(script.url) as (_, stage):
            await connected(script, stage)
            stage.wants_picture = False
            await asyncio.sleep(0.05)
            asked = len(script.asked("GetSourceScreenshot"))
            await asyncio.sleep(0.1)
            assert len(script.asked("GetSourceScreenshot")) == asked
            await script.event("SceneTransitionStarted")
            await until(lambda: stage.cuts == 1)  # cuts are told all the same
            stage.wants_picture = True
            await until(lambda: len(script.asked("GetSourceScreenshot")) > asked)

    asyncio.run(scenario())


def test_a_password_is_used_and_never_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        async with obs(PASSWORD) as script, following(script.url, PASSWORD) as (_, stage):
            await connected(script, stage)
        async with obs("another one") as script, following(script.url, PASSWORD) as (feed, _):
            await until(lambda: feed.trouble)
            assert "refuses the password" in feed.trouble and PASSWORD not in feed.trouble

    asyncio.run(scenario())
    # What the websockets library logs of frames holds the proof, not the password.
    assert PASSWORD not in caplog.text


def test_a_missing_password_is_explained() -> None:
    async def scenario() -> None:
        async with obs(PASSWORD) as script, following(script.url) as (feed, stage):
            await until(lambda: feed.trouble)
            assert "--obs-password" in feed.trouble and "NARRASCORE_OBS_PASSWORD" in feed.trouble
            assert stage.states[-1].state == "connecting"

    asyncio.run(scenario())


def test_it_comes_back_whenever_obs_does(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with obs() as script:
            port = int(script.url.rsplit(":", 1)[1])
            url = script.url
        async with following(url) as (feed, stage):
            await until(lambda: "does not answer" in feed.trouble)
            for _ in range(2):
                async with obs(port=port) as script:
                    shown = len(stage.frames)
                    await until(lambda: len(stage.frames) > shown)  # noqa: B023
                    assert feed.trouble == ""
                    await script.hang_up()
                    await until(lambda: script.connections == 2)
                await until(lambda: feed.trouble)

    asyncio.run(scenario())
    warned = [record for record in caplog.records if "does not answer" in record.getMessage()]
    assert 1 <= len(warned) <= 4  # not once for every attempt


def test_what_obs_refuses_is_asked_anew() -> None:
    async def scenario() -> None:
        async with obs() as script, following(script.url) as (feed, stage):
            await connected(script, stage)
            picture = script.answers.pop("GetSourceScreenshot")
            scenes = len(script.asked("GetCurrentProgramScene"))
            await until(lambda: len(script.asked("GetCurrentProgramScene")) > scenes)
            script.answers["GetSourceScreenshot"] = {"imageData": "data:image/jpg;base64,bm8gcGljdHVyZQ=="}
            shown = len(stage.frames)
            scenes = len(script.asked("GetCurrentProgramScene"))
            await until(lambda: len(script.asked("GetCurrentProgramScene")) > scenes)
            assert len(stage.frames) == shown
            script.answers["GetSourceScreenshot"] = picture
            await until(lambda: len(stage.frames) > shown)
            assert feed.trouble == "" and script.connections == 1

    asyncio.run(scenario())


def test_an_obs_that_hangs_is_left_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs_client, "RESPONSE_TIMEOUT_S", 0.05)

    async def scenario() -> None:
        async with obs() as script, following(script.url) as (feed, stage):
            await connected(script, stage)
            script.mute.add("GetSourceScreenshot")
            await until(lambda: "does not answer" in feed.trouble)
            await until(lambda: script.connections >= 2)
            script.mute.clear()
            shown = len(stage.frames)
            await until(lambda: len(stage.frames) > shown)

    asyncio.run(scenario())


def test_an_obs_that_was_lost_is_not_called_connected() -> None:
    async def for_ever(seconds: float) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with obs() as script, following(script.url, sleep=for_ever) as (feed, stage):
            await connected(script, stage)
            assert stage.states[-1] == ("connected", "Game")
            await script.hang_up()
            await until(lambda: "was lost" in feed.trouble)
            assert stage.states[-1] == ("connecting", ""), "it waits before it tries again"

    asyncio.run(scenario())


def test_an_obs_that_hangs_is_told_of_at_once_and_left_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """websockets itself waits 10 s for a goodbye."""
    goodbye_s = 0.3
    monkeypatch.setattr(obs_client, "RESPONSE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(obs_client, "CLOSE_TIMEOUT_S", goodbye_s)

    async def scenario() -> None:
        async with obs() as script, following(script.url) as (_, stage):
            await connected(script, stage)
            with script.hanging():
                await until(lambda: stage.states[-1].state == "connecting")
                told_s = time.monotonic()
                await until(lambda: script.connections == 2, 5.0)
            assert time.monotonic() - told_s > 0.9 * goodbye_s, "told while it was still being closed"

    asyncio.run(scenario())


def test_a_server_that_is_not_obs_is_named_so() -> None:
    async def scenario() -> None:
        async with obs() as script:
            script.greeting = "welcome"
            async with following(script.url) as (feed, _):
                await until(lambda: "not OBS" in feed.trouble)

    asyncio.run(scenario())


def test_screenshots_slow_down_with_obs_and_never_stop() -> None:
    pace = ScreenshotPace()
    assert pace.next_wait_s(0.01) == FASTEST_S
    assert pace.next_wait_s(0.1) == pytest.approx(0.5)
    assert pace.next_wait_s(5.0) == SLOWEST_S
    waits = [pace.next_wait_s(0.01) for _ in range(40)]
    assert waits[0] == SLOWEST_S and waits[-1] == FASTEST_S and waits == sorted(waits, reverse=True)


def test_a_jpeg_is_decoded_and_anything_else_refused() -> None:
    assert decoded(jpeg(200, 64, 48)).width == 64
    for bad in (b"", b"not a jpeg" * 10, jpeg(200)[:80]):
        with pytest.raises(ValueError):  # noqa: PT011
            decoded(bad)


def test_an_obs_that_lets_us_in_and_never_answers_stays_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs_client, "RESPONSE_TIMEOUT_S", 0.05)

    async def scenario() -> None:
        async with obs() as script, following(script.url) as (feed, stage):
            script.mute.add("GetSpecialInputs")
            await until(lambda: "does not answer" in feed.trouble)
            for connections in range(script.connections + 1, script.connections + 4):
                await until(lambda: script.connections >= connections)  # noqa: B023
                assert "does not answer" in feed.trouble
            script.mute.clear()
            await connected(script, stage)
            assert feed.trouble == ""

    asyncio.run(scenario())


def test_a_server_that_takes_the_connection_and_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs_client, "OPEN_TIMEOUT_S", 0.2)
    taken = 0

    async def silent(socket: ServerConnection) -> None:
        nonlocal taken
        taken += 1
        await socket.wait_closed()

    async def scenario() -> None:
        async with serve(silent, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            async with following(url) as (feed, _):
                await until(lambda: taken >= 2)
                assert "does not finish connecting" in feed.trouble

    asyncio.run(scenario())
