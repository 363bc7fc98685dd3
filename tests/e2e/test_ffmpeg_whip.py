"""A third WebRTC stack: FFmpeg's WHIP muxer, which is inside PyAV.

It wants a certificate of its own to be given. The one it makes by itself has a key on the curve P-224, and
OpenSSL, on our side of the DTLS handshake, takes only curves that it has offered (X25519, P-256 and larger;
RFC 8827 wants P-256): it ends the handshake with "wrong curve".
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import av
import pytest

from stream.access import Access
from tests.e2e.test_loopback import service, session_of, until
from tests.stream.doors.test_tls import Pair, write_pair

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(90),
    pytest.mark.skipif(
        "whip" not in av.formats_available, reason="this PyAV has no WHIP muxer: PyAV 17 or newer"
    ),
]

PEER = Path(__file__).with_name("ffmpeg_peer.py")
TOKEN = "ffmpeg-token-ffmpeg"


@contextlib.asynccontextmanager
async def ffmpeg(
    url: str, pair: Pair, levels: Sequence[int], seconds: float
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(PEER), url, TOKEN, str(pair.cert), str(pair.key), ",".join(map(str, levels)), str(seconds)),
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def test_the_picture_of_ffmpeg_is_scored(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            service(access=Access(publish=TOKEN)) as (app, url),
            ffmpeg(url + "/whip", write_pair(tmp_path), [240], 8.0) as peer,
        ):
            await until(lambda: len(app.state.sessions) == 1)
            session = session_of(app)
            await until(lambda: session.readings >= 5)
            assert session.peers.video_state == "live"
            assert (session.slot.width, session.slot.height) == (320, 180)
            await until(lambda: any(steer.arousal > 0.4 for steer in session.steer_log))
            _, said = await peer.communicate()
            assert peer.returncode == 0, said.decode()
            await until(lambda: session.peers.video_state == "none")  # it says goodbye

    asyncio.run(scenario())
