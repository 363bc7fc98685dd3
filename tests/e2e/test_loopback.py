"""The whole service over real HTTP and real WebRTC, with scripted sensor and composer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import websockets
from av import VideoFrame
from starlette.applications import Starlette

from stream.doors.server import serving
from stream.errors import PeerFailed
from stream.ports import ComposerFactory
from stream.session.session import Session
from stream.settings import Settings
from stream.webrtc import loopback
from stream.webrtc.loopback import LoopbackPeer, Recording, Reply, listening, publishing, request
from tests.stream import scripted
from tests.stream.served import scripted_app

pytestmark = pytest.mark.e2e

Pcm = npt.NDArray[np.int16]


@contextlib.asynccontextmanager
async def service(
    composer: ComposerFactory = scripted.sine_composer, **choices: Any
) -> AsyncIterator[tuple[Starlette, str]]:
    settings = Settings(port=0, seed=1, **choices)
    app = scripted_app(settings, composer)
    async with serving(app, settings) as url:
        yield app, url


def session_of(app: Starlette, name: str = "live") -> Session:
    session = app.state.sessions.get(name)
    assert isinstance(session, Session)
    return session


class Picture:
    """An endless stream of one color, which a test may change at any time."""

    def __init__(self, red: int = 20, green: int = 20, blue: int = 20) -> None:
        self.color = (red, green, blue)

    def __iter__(self) -> Iterator[VideoFrame]:
        while True:
            yield VideoFrame.from_ndarray(np.full((180, 320, 3), self.color, np.uint8), format="rgb24")


def loudness(pcm: Pcm) -> float:
    """RMS of the left channel, full scale 1: the median over 10 ms, so that a lost packet does not count."""
    blocks = (pcm[: len(pcm) // 480 * 480, 0] / 32768.0).reshape(-1, 480)
    return float(np.median(np.sqrt(np.mean(blocks**2, axis=1))))


def newest(recording: Recording, blocks: int = 10) -> Pcm:
    """The last ones that were received; what was lost on a busy machine is left out."""
    return np.concatenate([block.samples for block in recording.blocks[-blocks:]])


def pitch_hz(pcm: Pcm) -> float:
    mono = pcm[:, 0] * np.hanning(len(pcm))
    return float(np.argmax(np.abs(np.fft.rfft(mono))) * 48_000 / len(mono))


def silences_s(pcm: Pcm) -> list[float]:
    """Lengths of the stretches of 10 ms and more in which nothing is heard."""
    quiet = np.abs(pcm[: len(pcm) // 480 * 480, 0].reshape(-1, 480)).max(axis=1) < 30
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    return [float(end - start) / 100 for start, end in edges.reshape(-1, 2)]


async def until(condition: Any, timeout_s: float = 30.0) -> float:
    """Wait for a condition; how long that took. Fails the test when it does not come."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while not condition():
        assert loop.time() - began_s < timeout_s, "it did not come about"
        await asyncio.sleep(0.01)
    return loop.time() - began_s


async def next_of(socket: Any, kind: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(await socket.recv())
        if message["type"] == kind:
            return message


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_the_music_follows_the_picture(codec: str) -> None:
    async def scenario() -> None:
        recording, picture = Recording(), Picture(20, 20, 20)
        async with service() as (app, url):
            async with (
                publishing(url, iter(picture), fps=20, codec=codec),
                listening(url, recording),
                websockets.connect(url.replace("http", "ws", 1) + "/ws/live") as socket,
            ):
                assert (await next_of(socket, "hello"))["anchor"]["preset"] == "slow piano"
                session = session_of(app)
                await until(lambda: session.readings >= 5)
                await until(lambda: len(recording.blocks) > 50)
                await until(lambda: loudness(newest(recording, 25)) > 0.05)
                dark = newest(recording, 25)
                picture.color = (250, 180, 130)
                await until(lambda: session.affect.arousal > 0.3)
                mark = len(recording.blocks)
                await until(lambda: len(recording.blocks) > mark + 50)
                await until(lambda: loudness(newest(recording, 25)) > 1.5 * loudness(dark))
                bright = newest(recording, 25)
                told = await next_of(socket, "telemetry")
                while told["t_s"] < session.time_s() - 0.3:  # the socket held older ones
                    told = await next_of(socket, "telemetry")

            assert loudness(bright) > 1.5 * loudness(dark)
            assert pitch_hz(bright) > pitch_hz(dark) + 50
            # The right channel is half the left: stereo all the way.
            assert loudness(bright[:, ::-1]) == pytest.approx(loudness(bright) / 2, rel=0.05)
            assert told["video"]["state"] == "live" and told["video"]["width"] == 320
            assert told["audio"]["state"] == "playing" and told["audio"]["listeners"] == 1
            assert told["composer"]["state"] == "playing" and told["composer"]["key"] == "A minor"
            assert told["affect"]["arousal"] > 0.3
            assert session.mood.cuts.count >= 1
            # The composer was steered by the window's estimates, in their order, up to the latest few.
            passed = iter([affect.arousal for affect in session.affect_log])
            applied = [steer.arousal for steer in session.steer_log]
            assert all(any(math.isclose(told, one, abs_tol=1e-6) for one in passed) for told in applied)
            assert len(list(passed)) <= 5
            times = np.array([b.pts for b in recording.blocks])
            assert (np.diff(times) >= 960).all() and (np.diff(times) % 960 == 0).all()

    asyncio.run(scenario())


def test_controls_over_the_socket_are_heard() -> None:
    async def scenario() -> None:
        recording = Recording()
        async with (
            service() as (app, url),
            listening(url, recording),
            websockets.connect(url.replace("http", "ws", 1) + "/ws/live") as socket,
        ):

            async def ask(**message: object) -> dict[str, Any]:
                await socket.send(json.dumps(message))
                while True:
                    reply: dict[str, Any] = json.loads(await socket.recv())
                    if reply["type"] in ("ok", "error"):
                        return reply

            async def hears(level: object) -> None:
                """Sooner or later, as on a busy machine, and for a fifth of a second."""
                await until(lambda: len(recording.blocks) > 10 and loudness(newest(recording)) == level)

            full = 0.3 / 2**0.5  # the scripted composer's sine
            session = session_of(app)
            await until(lambda: session.egress is not None and session.egress.state == "playing")
            await hears(pytest.approx(full, rel=0.1))
            assert (await ask(type="volume", value=0.5))["type"] == "ok"
            await hears(pytest.approx(full / 4, rel=0.1))
            assert (await ask(type="mute", value=True))["type"] == "ok"
            await hears(pytest.approx(0.0, abs=1e-3))
            await ask(type="mute", value=False)
            await ask(type="volume", value=1.0)
            assert (await ask(type="anchor", text=" "))["type"] == "error"
            assert (await ask(type="anchor", text="bright strings"))["anchor"]["preset"] == "bright strings"
            await until(lambda: session.now_playing.get("style") == "bright strings")
            await hears(pytest.approx(full, rel=0.1))

    asyncio.run(scenario())


def test_who_may_publish() -> None:
    async def scenario() -> None:
        async with (
            service(video_gone_s=0.5, connect_timeout_s=2.0) as (app, url),
            contextlib.AsyncExitStack() as stack,
        ):
            first = await stack.enter_async_context(publishing(url, iter(Picture()), fps=20, token="a"))
            session = session_of(app)
            await until(lambda: session.peers.video_state == "live")
            for token in ("", "b"):
                with pytest.raises(PeerFailed, match=r"409.*already has a publisher"):
                    await stack.enter_async_context(publishing(url, iter(Picture()), token=token))
            # Another session is another matter.
            await stack.enter_async_context(publishing(url, iter(Picture()), session="other"))
            # The same token takes over, and the music goes on.
            pid = session.composer_pid
            second = await stack.enter_async_context(publishing(url, iter(Picture()), token="a"))
            assert session.peers.publisher(second.url.rsplit("/", 1)[1]) is not None
            assert session.peers.publisher(first.url.rsplit("/", 1)[1]) is None
            await until(lambda: session.peers.video_state == "live")
            assert session.composer_pid == pid
            # A publisher that has fallen silent may be replaced by anyone.
            second.connection.getSenders()[0].replaceTrack(None)
            await until(lambda: session.peers.video_state == "gone")
            third = await stack.enter_async_context(publishing(url, iter(Picture())))
            await until(lambda: session.peers.video_state == "live")
            assert (await request("DELETE", third.url)).status == 200
            assert (await request("DELETE", third.url)).status == 404
            assert session.peers.video_state == "none"

    asyncio.run(scenario())


def test_the_resource_speaks_whip() -> None:
    async def scenario() -> None:
        async with service() as (_, url), listening(url, Recording()) as peer:
            assert re.fullmatch(rf"{re.escape(url)}/whep/live/[\w-]+", peer.url)
            trickle = {"Content-Type": "application/trickle-ice-sdpfrag"}
            ufrag = re.search(r"a=ice-ufrag:(\S+)", peer.connection.localDescription.sdp)
            assert ufrag is not None
            same = f"a=ice-ufrag:{ufrag.group(1)}\r\na=ice-pwd:x\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
            same += "a=candidate:1 1 udp 2130706431 192.0.2.77 50000 typ host\r\n"
            other = same.replace(ufrag.group(1), "zzzz")
            for tag, body, status in [
                (None, same, 428),
                ('"stale"', same, 412),
                (peer.etag, same, 204),
                ("*", same, 204),
                ("*", other, 422),
                ("*", "hello", 400),
            ]:
                headers = trickle if tag is None else {**trickle, "If-Match": tag}
                assert (await request("PATCH", peer.url, body, headers)).status == status
            wrong = await request("PATCH", peer.url, same, {"Content-Type": "application/sdp"})
            assert wrong.status == 415
            assert (await request("GET", peer.url)).body == ""
            assert peer.connected

    asyncio.run(scenario())


def test_an_offer_without_candidates_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """OBS sends none and never trickles: our answer must hold ours."""

    async def bare(method: str, url: str, body: str = "", headers: dict[str, str] | None = None) -> Reply:
        return await request(
            method, url, re.sub(r"a=(candidate:.*|end-of-candidates)\r\n", "", body), headers
        )

    async def scenario() -> None:
        async with service() as (app, url):
            monkeypatch.setattr(loopback, "request", bare)
            async with publishing(url, iter(Picture()), codec="H264"):
                await until(lambda: session_of(app).peers.video_state == "live")

    asyncio.run(scenario())


def test_listeners_come_up_to_a_limit_and_leave_alone() -> None:
    async def scenario() -> None:
        recordings = [Recording() for _ in range(3)]
        async with service(max_listeners=3) as (app, url), contextlib.AsyncExitStack() as stack:
            peers: list[LoopbackPeer] = [
                await stack.enter_async_context(listening(url, recording)) for recording in recordings
            ]
            with pytest.raises(PeerFailed, match="503"):
                await stack.enter_async_context(listening(url, Recording()))
            session = session_of(app)
            assert session.peers.listeners == 3
            await peers[0].close()
            await until(lambda: session.peers.listeners == 2)
            await until(lambda: session.egress is not None and session.egress.state == "playing")
            mark = len(recordings[2].blocks) + 60
            await until(lambda: len(recordings[2].blocks) > mark)
            for recording in recordings[1:]:
                await until(lambda: loudness(newest(recording)) > 0.05)  # noqa: B023

    asyncio.run(scenario())


def test_a_vanished_publisher_is_noticed_and_nobody_else_is_hurt() -> None:
    async def scenario() -> None:
        recording = Recording()
        async with service(video_gone_s=0.5) as (app, url), listening(url, recording, session="other"):
            async with publishing(url, iter(Picture()), fps=20) as publisher:
                session = session_of(app)
                await until(lambda: session.peers.video_state == "live")
                await until(lambda: recording.blocks and recording.blocks[-1].samples.any())
                began = len(recording.blocks)
                # No goodbye of any kind: its packets just stop.
                for transport in {t.transport.transport for t in publisher.connection.getSenders()}:
                    for protocol in transport._connection._protocols:
                        protocol.transport.abort()
                await until(lambda: session.peers.video_state == "gone")
                assert "picture" in session.notice
                mark = len(recording.blocks)
                await until(lambda: len(recording.blocks) > mark + 25)
                other = session_of(app, "other")
                assert (other.composer_status.state, other.composer_status.restarts) == ("playing", 0)
            assert loudness(recording.pcm()[960 * began :]) > 0.05
            assert max(silences_s(recording.pcm()[960 * began :]), default=0.0) < 1.0

    asyncio.run(scenario())


def test_an_unused_session_ends_and_frees_everything() -> None:
    async def scenario() -> None:
        async with service(idle_end_s=0.3) as (app, url):
            async with listening(url, Recording()):
                session = session_of(app)
                await until(lambda: session.composer_status.state == "playing")
                pid = session.composer_pid
                assert pid is not None
            await until(lambda: len(app.state.sessions) == 0)
            assert not alive(pid)

    asyncio.run(scenario())


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or since
        return False
