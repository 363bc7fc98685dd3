"""OBS as a way in: screenshots of the program as the picture, scene switches as cuts, the mic's level."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import av
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext

from stream.beside.obs_client import ObsClient, ObsRefused, ObsUnavailable
from stream.beside.obs_protocol import BadObsMessage, Json, level_db, microphones, picture_of
from stream.clock import Clock
from stream.session.companions import accompany
from stream.session.session import ObsStatus, Session
from stream.session.sessions import DEFAULT_NAME, Companion, Sessions

log = logging.getLogger(__name__)

FASTEST_S, SLOWEST_S = 0.25, 1.0
DUTY = 0.2
"""Share of the time OBS may spend on a screenshot of ours: it takes them inside its graphics lock."""
WIDTH = 320
QUALITY = 70
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)
REFUSED_WAIT_S = 1.0
LOOKING = ObsStatus("connecting", "")
CUT_EVENTS = ("CurrentProgramSceneChanged", "SceneTransitionStarted")
INPUT_EVENTS = ("InputCreated", "InputRemoved", "InputNameChanged")


class Stage(Protocol):
    """What OBS's news are told to: a session."""

    @property
    def wants_picture(self) -> bool:
        """False while a publisher's picture comes first."""
        ...

    def show(self, frame: VideoFrame) -> None: ...

    def cut(self) -> None: ...

    def voice(self, level_db: float) -> None: ...

    def status(self, status: ObsStatus) -> None: ...


class ScreenshotPace:
    """How long to wait between screenshots: longer when OBS takes longer. Pure."""

    def __init__(self) -> None:
        self._cost_s = 0.0

    def next_wait_s(self, cost_s: float) -> float:
        """After a screenshot that took `cost_s`."""
        # Slowing down at once, speeding up over a few.
        self._cost_s = cost_s if cost_s > self._cost_s else self._cost_s + 0.3 * (cost_s - self._cost_s)
        return min(max(FASTEST_S, self._cost_s / DUTY), SLOWEST_S)


def decoded(jpeg: bytes) -> VideoFrame:
    """Raises ValueError when it is no JPEG."""
    codec = av.CodecContext.create("mjpeg", "r")
    assert isinstance(codec, VideoCodecContext)
    try:
        frames = codec.decode(av.Packet(jpeg)) if jpeg else []
    except av.FFmpegError as error:
        raise ValueError("a screenshot is no JPEG") from error
    if not frames:
        raise ValueError("a screenshot holds no picture")
    return frames[0]


class ObsFeed:
    """Follows OBS for ever. Lives on the event loop."""

    def __init__(
        self,
        url: str,
        password: str,
        clock: Clock,
        stage: Stage,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = url
        self._password = password
        self._clock = clock
        self._stage = stage
        self._sleep = sleep
        self._scene = ""
        self._microphones: frozenset[str] = frozenset()
        self._inputs_changed = asyncio.Event()
        self.trouble = ""
        """A sentence for the user while there is no connection, else empty."""

    async def run(self) -> None:
        """Connect, follow, and connect again, until cancelled."""
        failures = 0
        self._stage.status(LOOKING)
        while True:
            connected_s = None
            try:
                async with ObsClient(self._url, self._password, self._on_event) as client:
                    connected_s = self._clock()
                    log.info("OBS: connected")
                    await self._follow(client)
            except ObsUnavailable as error:
                if str(error) != self.trouble:
                    log.warning("%s It is tried again and again.", error)
                self.trouble = str(error)
            if connected_s is not None:
                failures = 0
            await self._sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1

    async def _follow(self, client: ObsClient) -> None:
        """Raises ObsUnavailable when the connection ends."""
        reading = asyncio.create_task(client.run())
        asking = asyncio.create_task(self._ask(client))
        tasks = (reading, asking)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stage.status(LOOKING)  # now, not when the connection is closed and another one tried
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # The reader knows best why it is over.
        (reading if reading in done else asking).result()

    def _on_event(self, kind: str, data: Json) -> None:
        if kind == "InputVolumeMeters":
            level = level_db(data, self._microphones)
            if level is not None:
                self._stage.voice(level)
        elif kind in CUT_EVENTS:
            if kind == "CurrentProgramSceneChanged":
                self._found(str(data.get("sceneName") or ""))
            self._stage.cut()
        elif kind in INPUT_EVENTS:
            self._inputs_changed.set()
        elif kind == "SceneNameChanged" and data.get("oldSceneName") == self._scene:
            self._found(str(data.get("sceneName") or ""))

    def _found(self, scene: str) -> None:
        self._scene = scene
        self.trouble = ""  # not before: an OBS that lets us in and then never answers is still trouble
        self._stage.status(ObsStatus("connected", scene))

    async def _ask(self, client: ObsClient) -> None:
        """Everything we request, one after the other. Raises ObsUnavailable."""
        pace = ScreenshotPace()
        self._inputs_changed.set()
        self._scene = ""
        while True:
            wait_s = REFUSED_WAIT_S
            try:
                if self._inputs_changed.is_set():
                    self._inputs_changed.clear()
                    self._microphones = await _microphones(client)
                if not self._scene:
                    answer = await client.request("GetCurrentProgramScene")
                    self._found(str(answer.get("currentProgramSceneName") or ""))
                if self._stage.wants_picture:
                    wait_s = pace.next_wait_s(await self._look(client))
            except (ObsRefused, BadObsMessage, ValueError) as error:
                # A scene that was just removed, a collection being changed: ask anew in a moment.
                log.info("OBS: %s", error)
                self._scene = ""
            await self._sleep(wait_s)

    async def _look(self, client: ObsClient) -> float:
        """One screenshot; how long OBS took for it, in seconds."""
        began_s = self._clock()
        asked = {
            "sourceName": self._scene,
            "imageFormat": "jpg",
            "imageWidth": WIDTH,
            "imageCompressionQuality": QUALITY,
        }
        answer = await client.request("GetSourceScreenshot", asked)
        cost_s = self._clock() - began_s
        self._stage.show(await asyncio.to_thread(decoded, picture_of(answer)))
        return cost_s


async def _microphones(client: ObsClient) -> frozenset[str]:
    special = await client.request("GetSpecialInputs")
    listed = await client.request("GetInputList")
    inputs = listed.get("inputs")
    return microphones(special, inputs if isinstance(inputs, list) else [])


class _SessionStage:
    """A session, told of OBS."""

    def __init__(self, session: Session, put: Callable[[VideoFrame], None]) -> None:
        self._session = session
        self._put = put

    @property
    def wants_picture(self) -> bool:
        return not self._session.peers.published

    def show(self, frame: VideoFrame) -> None:
        self._put(frame)

    def cut(self) -> None:
        self._session.control.mark_cut()

    def voice(self, level_db: float) -> None:
        self._session.control.hear_voice("obs", level_db)

    def status(self, status: ObsStatus) -> None:
        self._session.obs_status = status


def obs_feed(url: str, password: str, clock: Clock) -> Companion:
    """OBS feeds the default session for as long as the service runs."""

    async def follow(session: Session) -> None:
        with session.own_picture() as put:
            feed = ObsFeed(url, password, clock, _SessionStage(session, put))
            session.control.duck_source = "obs"
            session.remark("obs", lambda: feed.trouble)
            try:
                await feed.run()
            finally:
                session.remark("obs", None)

    async def run(sessions: Sessions) -> None:
        await accompany(sessions, DEFAULT_NAME, "Following OBS", follow)

    return run
