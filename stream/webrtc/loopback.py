"""Real WebRTC peers in Python: they publish through WHIP and listen through WHEP, like anybody else.

For the demo, the bench, the tests and examples: nothing here is short-circuited. SDP goes over HTTP, media
over UDP.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpsender import RTCRtpSender
from av import AudioFrame, VideoFrame

from stream.errors import PeerFailed
from stream.webrtc.backlog import bound
from stream.webrtc.consent import be_patient
from stream.webrtc.sdp import stereo_answer

CONNECT_TIMEOUT_S = 10.0
HTTP_TIMEOUT_S = 10.0
VIDEO_CLOCK_HZ = 90_000
_LATE_S = 0.5


class Reply(NamedTuple):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: str


async def request(method: str, url: str, body: str = "", headers: dict[str, str] | None = None) -> Reply:
    """One HTTP request, off the event loop. Raises PeerFailed when the server cannot be reached."""
    return await asyncio.to_thread(_request, method, url, body, headers or {})


def _request(method: str, url: str, body: str, headers: dict[str, str]) -> Reply:
    parts = urllib.parse.urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=HTTP_TIMEOUT_S)
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    try:
        connection.request(method, target, body.encode() or None, headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, response.read().decode("utf-8", "replace"))
    except OSError as error:
        raise PeerFailed(f"{method} {url}: {error}: is the server running?") from error
    finally:
        connection.close()


class FrameTrack(MediaStreamTrack):
    """Sends pictures from an iterator at a steady rate. The iterator runs on a worker thread."""

    kind = "video"

    def __init__(
        self,
        frames: Iterator[VideoFrame],
        fps: float,
        on_frame: Callable[[int, float], None] | None = None,
    ) -> None:
        """`on_frame(index, t_s)` is told when a frame is handed to the encoder (monotonic clock)."""
        super().__init__()
        self._frames = frames
        self._period_s = 1.0 / fps
        self._on_frame = on_frame
        self._next_s: float | None = None
        self._began_s = 0.0
        self._count = 0

    async def recv(self) -> VideoFrame:
        """Raises MediaStreamError when the iterator ends or the track was stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        frame = await asyncio.to_thread(next, self._frames, None)
        if frame is None:
            self.stop()
            raise MediaStreamError
        now_s = time.monotonic()
        if self._next_s is None:
            self._next_s = self._began_s = now_s
        elif now_s - self._next_s > _LATE_S:
            self._next_s = now_s
        await asyncio.sleep(self._next_s - now_s)
        now_s = time.monotonic()
        frame.pts = round((now_s - self._began_s) * VIDEO_CLOCK_HZ)
        frame.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        if self._on_frame is not None:
            self._on_frame(self._count, now_s)
        self._count += 1
        self._next_s += self._period_s
        return frame


class Received(NamedTuple):
    """Decoded audio as it came out of the listener's connection.

    `samples` is int16 (n, 2) at 48 kHz; `pts` counts samples since the first packet; `t_s` is the monotonic
    clock on arrival.
    """

    samples: npt.NDArray[np.int16]
    pts: int
    t_s: float


class Recording:
    """Keeps everything a listener receives."""

    def __init__(self) -> None:
        self.blocks: list[Received] = []

    def __call__(self, received: Received) -> None:
        self.blocks.append(received)

    def pcm(self) -> npt.NDArray[np.int16]:
        """(n, 2), in order of pts, gaps filled with silence."""
        if not self.blocks:
            return np.zeros((0, 2), np.int16)
        first = self.blocks[0].pts
        end = max(b.pts - first + len(b.samples) for b in self.blocks)
        pcm = np.zeros((end, 2), np.int16)
        for block in self.blocks:
            start = block.pts - first
            if start >= 0:
                pcm[start : start + len(block.samples)] = block.samples
        return pcm


class LoopbackPeer:
    """A connected peer. `failed` is set when its connection breaks."""

    def __init__(
        self, connection: RTCPeerConnection, base_url: str, location: str, etag: str, token: str = ""
    ) -> None:
        self.connection = connection
        self.url = urllib.parse.urljoin(base_url, location)
        self.etag = etag
        self._authorization = _authorization(token)
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        return self.connection.connectionState == "connected"

    async def close(self, delete: bool = True) -> None:
        """Leave; `delete` tells the server so (without it, we vanish)."""
        if delete:
            with contextlib.suppress(PeerFailed):  # the server may have gone first
                await request("DELETE", self.url, headers=self._authorization)
        await self.connection.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


async def _connect(connection: RTCPeerConnection, url: str, token: str, stereo: bool) -> tuple[str, str]:
    """Offer, POST, take the answer, wait for the connection; returns Location and ETag."""
    await connection.setLocalDescription()
    be_patient(connection)
    offer = connection.localDescription.sdp
    headers = {"Content-Type": "application/sdp", **_authorization(token)}
    reply = await request("POST", url, stereo_answer(offer) if stereo else offer, headers)
    if reply.status != 201:
        raise PeerFailed(f"POST {url}: {reply.status}: {reply.body}")
    await connection.setRemoteDescription(RTCSessionDescription(sdp=reply.body, type="answer"))
    deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
    while connection.connectionState != "connected":
        if connection.connectionState in ("failed", "closed") or time.monotonic() > deadline_s:
            raise PeerFailed(f"{url}: answered, but no connection came about")
        await asyncio.sleep(0.01)
    return reply.headers["location"], reply.headers.get("etag", "")


@contextlib.asynccontextmanager
async def publishing(
    base_url: str,
    frames: Iterator[VideoFrame],
    *,
    session: str = "live",
    fps: float = 30.0,
    codec: str = "VP8",
    token: str = "",
    on_frame: Callable[[int, float], None] | None = None,
) -> AsyncIterator[LoopbackPeer]:
    """Publish `frames` through WHIP while the block runs. `codec` is VP8 or H264. Raises PeerFailed."""
    track = FrameTrack(frames, fps, on_frame)
    async with publishing_track(base_url, track, session=session, codec=codec, token=token) as peer:
        yield peer


@contextlib.asynccontextmanager
async def publishing_track(
    base_url: str, track: MediaStreamTrack, *, session: str = "live", codec: str = "VP8", token: str = ""
) -> AsyncIterator[LoopbackPeer]:
    """Publish frames, or packets encoded as `codec`, while the block runs. Raises PeerFailed."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        transceiver = connection.addTransceiver(track, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() == f"video/{codec.lower()}"])
        location, etag = await _connect(connection, f"{base_url}/whip/{session}", token, stereo=False)
    except BaseException:
        await connection.close()
        raise
    peer = LoopbackPeer(connection, base_url, location, etag, token)
    try:
        yield peer
    finally:
        await peer.close()


@contextlib.asynccontextmanager
async def listening(
    base_url: str,
    sink: Callable[[Received], None],
    *,
    session: str = "live",
    token: str = "",
    ask_again: bool = False,
) -> AsyncIterator[LoopbackPeer]:
    """Listen through WHEP while the block runs, handing decoded audio to `sink`. `ask_again`: for packets
    that were lost, as browsers do. Raises PeerFailed."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    drains: list[asyncio.Task[None]] = []

    def begin(track: MediaStreamTrack) -> None:
        if ask_again:
            (receiver,) = connection.getReceivers()
            bound(receiver, ask_for_sound=True)
        drains.append(asyncio.create_task(_collect(track, sink)))

    try:
        connection.addTransceiver("audio", direction="recvonly")
        connection.on("track", begin)
        location, etag = await _connect(connection, f"{base_url}/whep/{session}", token, stereo=True)
    except BaseException:
        await connection.close()
        for task in drains:
            task.cancel()
        raise
    peer = LoopbackPeer(connection, base_url, location, etag, token)
    peer.tasks = drains
    try:
        yield peer
    finally:
        await peer.close()


async def _collect(track: MediaStreamTrack, sink: Callable[[Received], None]) -> None:
    try:
        while True:
            frame = await track.recv()
            if isinstance(frame, AudioFrame) and frame.pts is not None:
                samples = frame.to_ndarray().astype(np.int16, copy=False).reshape(-1, 2)
                sink(Received(samples, frame.pts, time.monotonic()))
    except MediaStreamError:
        return
