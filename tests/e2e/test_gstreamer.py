"""A fourth WebRTC stack: GStreamer's webrtcbin, as publisher and as listener at once.

What it sends goes dark and bright; what it hears has to follow that. It runs in a Python of its own, the one
that has GStreamer's bindings.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.gstreamer import gstreamer_peer
from tests.e2e.peer_process import PeerProcess, peer_process
from tests.e2e.swings import HEARD_S, TURN_S, loud_over_soft
from tests.e2e.test_loopback import service, session_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

FRAME_BYTES = 4


@contextlib.asynccontextmanager
async def gstreamer(*arguments: str) -> AsyncIterator[PeerProcess]:
    async with peer_process(*gstreamer_peer(), *arguments) as peer:
        yield peer
    assert peer.heard("failed") is None, peer.said


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_what_gstreamer_hears_follows_what_it_shows(codec: str, tmp_path: Path) -> None:
    gstreamer_peer()
    heard = tmp_path / "heard.raw"

    def samples() -> int:
        return heard.stat().st_size // FRAME_BYTES if heard.exists() else 0

    async def scenario() -> None:
        async with service() as (app, url):
            async with (
                gstreamer("publish", url + "/whip", codec, str(TURN_S)) as sender,
                gstreamer("listen", url + "/whep", str(heard)) as ear,
            ):
                await until(lambda: sender.heard("status") and ear.heard("status"), 60.0)
                assert (sender.heard("status"), ear.heard("status")) == (201, 201), (sender.said, ear.said)
                assert re.search(rf"^a=rtpmap:96 {codec}/90000", sender.heard("offer"), re.MULTILINE)
                session = session_of(app)
                await until(lambda: session.readings > 2, 60.0)
                assert (session.slot.width, session.slot.height) == (320, 180)
                first = samples()
                await until(lambda: samples() > first + HEARD_S * 48_000, 60.0)
                assert session.peers.video_state == "live"
            assert (sender.heard("deleted"), ear.heard("deleted")) == (200, 200)
            assert session.peers.video_state == "none"
            assert session.peers.listeners == 0
        pcm = np.frombuffer(heard.read_bytes()[first * FRAME_BYTES :], "<i2").reshape(-1, 2) / 32768.0
        assert loud_over_soft(pcm[:, 0]) > 1.5
        left, right = np.abs(pcm[np.abs(pcm[:, 0]) > 0.05]).T
        assert np.median(right / left) == pytest.approx(0.5, abs=0.05), "not stereo"

    asyncio.run(scenario())
