"""Another WebRTC stack: libdatachannel, which is inside OBS, publishing H.264 as OBS does."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path

import numpy as np
import pytest

from stream.access import Access
from stream.webrtc.loopback import Recording, listening
from tests.e2e.libdatachannel import FPS, PEER, node_modules, write_access_units
from tests.e2e.peer_process import PeerProcess, peer_process
from tests.e2e.test_loopback import service, session_of, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

TOKEN = "obs-token-obs-token-1"


@pytest.fixture(scope="module")
def modules(pytestconfig: pytest.Config) -> Path:
    return node_modules(pytestconfig)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("h264")
    for name, level in (("dark", 40), ("bright", 235)):
        write_access_units(folder / name, [level, level])
    return {name: folder / name for name in ("dark", "bright")}


def obs(
    modules: Path, url: str, picture: Path, token: str = TOKEN
) -> contextlib.AbstractAsyncContextManager[PeerProcess]:
    """Publishes while the block runs."""
    return peer_process("node", str(PEER), str(modules), url, token, str(picture), str(FPS))


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
