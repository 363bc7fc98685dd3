"""The ways out for players: FFmpeg (inside PyAV) on `/audio`, and what a stalled player costs the others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

import av
import numpy as np
import numpy.typing as npt
import pytest

from stream.settings import Settings
from tests.e2e.test_loopback import service, until
from tests.stream.served import Client, served

pytestmark = pytest.mark.e2e

FRAME_BYTES = 4


def blocks_of(url: str) -> Iterator[npt.NDArray[np.float64]]:
    """What an FFmpeg player decodes, as float (n, 2), for as long as it is asked for more."""
    with av.open(url, timeout=10.0) as container:
        resampler = av.AudioResampler("flt", "stereo", 48_000)
        for frame in container.decode(audio=0):
            for block in resampler.resample(frame):
                yield block.to_ndarray().reshape(-1, 2).astype(float)


def played(url: str, seconds: float) -> npt.NDArray[np.float64]:
    """The first `seconds` of it."""
    blocks, samples = [], 0
    for block in blocks_of(url):
        blocks.append(block)
        samples += len(block)
        if samples > seconds * 48_000:
            break
    return np.concatenate(blocks)


def unbroken(url: str, seconds: float, limit_s: float = 60.0) -> npt.NDArray[np.float64]:
    """The first stretch this long in which the music does not stop: a busy machine lets it, at first."""
    began_s, pcm = time.monotonic(), np.zeros((0, 2))
    for number, block in enumerate(blocks_of(url)):
        if number == 0:
            print(f"{url}: sound after {time.monotonic() - began_s:.2f} s")
        pcm = np.concatenate([pcm, block])
        loud = np.abs(pcm[: len(pcm) // 480 * 480, 0].reshape(-1, 480)).max(axis=1)
        pcm = pcm[480 * (int(np.flatnonzero(loud < 0.2).max(initial=-1)) + 1) :]
        if len(pcm) > seconds * 48_000:
            return pcm
        assert time.monotonic() - began_s < limit_s, "the music never went on for so long"
    pytest.fail("the music ended")


@pytest.mark.parametrize("path", ["live.ogg", "live.wav", "live"])
def test_a_player_hears_the_music(path: str) -> None:
    async def scenario() -> None:
        async with service() as (app, url):
            pcm = await asyncio.to_thread(unbroken, f"{url}/audio/{path}", 2.0)
            session = app.state.sessions.get("live")
            await until(lambda: session.listeners == 0)  # it has gone, and is forgotten
        left, right = (float(np.sqrt(np.mean(pcm[:, side] ** 2))) for side in (0, 1))
        assert left == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
        assert right == pytest.approx(left / 2, rel=0.05)
        pitch_hz = np.abs(np.fft.rfft(pcm[:, 0])).argmax() * 48_000 / len(pcm)
        assert pitch_hz == pytest.approx(500, abs=2)

    asyncio.run(scenario())


@contextlib.contextmanager
def stalled(client: Client, path: str) -> Iterator[socket.socket]:
    """A player that asks and then reads nothing."""
    parts = urllib.parse.urlsplit(client.url)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect((parts.hostname, parts.port))
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        yield raw


@pytest.mark.alone
def test_a_stalled_player_costs_the_others_nothing() -> None:
    with served(Settings(port=0, warm_composers=0, max_listeners=2)) as client:
        with (
            stalled(client, "/audio/busy.wav"),
            urllib.request.urlopen(client.url + "/audio/busy.wav", timeout=10) as player,
        ):
            player.read(44 + FRAME_BYTES * 4 * 48_000)  # four seconds: the stalled one's buffers are full
            began_s = time.monotonic()
            pcm = np.frombuffer(player.read(FRAME_BYTES * 48_000), "<i2").reshape(-1, 2)
            assert 0.8 < time.monotonic() - began_s < 1.3
            assert np.abs(np.diff(pcm[:, 0].astype(int))).max() < 1200  # no gap: the sine never jumps
            refused = client.send("GET", "/audio/busy.ogg")
            assert refused.status == 503 and "retry-after" in refused.headers
        # Both have gone: there is room again, as soon as the server has noticed.
        for _ in range(100):
            reply = None
            with contextlib.suppress(OSError):
                reply = urllib.request.urlopen(client.url + "/audio/busy.ogg", timeout=10)
            if reply is not None:
                with reply:
                    assert reply.read(4) == b"OggS"
                return
            time.sleep(0.05)
        pytest.fail("listeners that left still count")


def test_the_server_ends_while_a_player_listens() -> None:
    async def scenario() -> float:
        async with service() as (_, url):
            player = asyncio.create_task(asyncio.to_thread(played, f"{url}/audio/live.ogg", 3600.0))
            await asyncio.sleep(1.0)
            began_s = time.monotonic()
        await asyncio.wait_for(player, 5.0)  # the file ended in order: nothing raised
        return time.monotonic() - began_s

    assert asyncio.run(scenario()) < 3.0
