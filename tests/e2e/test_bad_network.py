"""Real peers over a network that loses, delays, doubles, reorders: what is heard, whether pictures go on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import numpy as np
import pytest
from av import VideoFrame
from playwright.sync_api import sync_playwright

from stream.session.session import Session
from stream.settings import Settings
from stream.webrtc.loopback import Received, Recording, listening, publishing
from tests.e2e.bad_network import FAIR, BadNetwork, Weather
from tests.e2e.chromium import Watched, chromium, chromium_path
from tests.e2e.test_loopback import Picture, loudness, newest, service, session_of, until
from tests.stream.served import served

pytestmark = pytest.mark.e2e


class Expected(NamedTuple):
    """The least share of the music that is heard; its longest gap, and the longest wait for a picture."""

    heard: float
    gap_s: float
    picture_s: float


# What a quiet machine measures is far better. A busy one adds waits of its own to those of the network.
WEATHERS = {
    "5 % lost": (Weather(loss=0.05), Expected(0.95, 0.5, 2.0)),
    "20 % lost": (Weather(loss=0.20), Expected(0.85, 0.7, 2.0)),
    "40 % lost": (Weather(loss=0.40), Expected(0.5, 1.0, 4.0)),
    "200 ms jitter": (Weather(jitter_s=0.2), Expected(0.9, 0.7, 2.0)),
    "reordered and doubled": (Weather(late=0.2, twice=0.2), Expected(0.95, 0.5, 2.0)),
}
BAD_S = 4.0


def moving() -> Iterator[VideoFrame]:
    """Some packets a frame, each unlike the last."""
    rng = np.random.default_rng(1)
    while True:
        picture = np.full((180, 320, 3), 90, np.uint8)
        picture[60:100, 80:160] = rng.integers(0, 256, (40, 80, 3), np.uint8)
        yield VideoFrame.from_ndarray(picture, format="rgb24")


@contextlib.asynccontextmanager
async def arrivals(session: Session) -> AsyncIterator[list[float]]:
    """When pictures came, while the block runs; the first and the last are its own ends."""
    times = [time.monotonic()]

    async def watch() -> None:
        frames = session.slot.frames
        while True:
            await asyncio.sleep(0.005)
            if session.slot.frames != frames:
                frames = session.slot.frames
                times.append(time.monotonic())

    watching = asyncio.create_task(watch())
    try:
        yield times
    finally:
        watching.cancel()
        times.append(time.monotonic())


def went_on(session: Session, frames: int) -> bool:
    return session.slot.frames > frames + 3


def heard(blocks: list[Received]) -> tuple[float, float]:
    """The share of the music between the first block that came and the last, and its longest gap (s)."""
    pts = np.unique([block.pts for block in blocks])
    return len(pts) * 960 / float(pts[-1] - pts[0] + 960), float(np.diff(pts).max() - 960) / 48_000


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_music_and_pictures_go_on_in_any_weather(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = BadNetwork(monkeypatch)

    async def scenario() -> None:
        recording = Recording()
        async with (
            service() as (app, url),
            publishing(url, moving(), fps=15, codec=codec) as publisher,
            listening(url, recording, ask_again=True) as listener,
        ):
            session = session_of(app)
            await until(lambda: session.readings > 3)
            await until(lambda: recording.blocks and loudness(newest(recording)) > 0.05)
            for name, (weather, expected) in WEATHERS.items():
                mark, readings = len(recording.blocks), session.readings
                network.weather = weather
                async with arrivals(session) as came:
                    await asyncio.sleep(BAD_S)
                share, gap_s = heard(recording.blocks[mark:])
                readings = session.readings - readings
                network.weather = FAIR
                # All is as it was: there are pictures.
                back_s = await until(functools.partial(went_on, session, session.slot.frames))
                waited_s = float(np.diff(came).max())
                print(
                    f"{codec}, {name}: {share:.1%} of the music, longest gap {1000 * gap_s:.0f} ms; longest "
                    f"wait for a picture {waited_s:.2f} s, {readings} readings; back after {back_s:.2f} s"
                )
                assert share >= expected.heard and gap_s <= expected.gap_s
                assert waited_s <= expected.picture_s and readings > 0
                assert back_s < 3.0
            mark = len(recording.blocks)
            await until(lambda: len(recording.blocks) > mark + 50)
            await until(lambda: loudness(newest(recording)) > 0.05)
            assert publisher.connected and listener.connected
            assert session.composer_status.restarts == 0 and session.peers.video_state == "live"
            print(f"{codec}: {network.fates}")

    asyncio.run(scenario())


def test_peers_connect_although_a_fifth_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """ICE and DTLS ask again by themselves."""
    network = BadNetwork(monkeypatch, seed=3)
    network.weather = Weather(loss=0.2)

    async def scenario() -> None:
        recording = Recording()
        async with (
            service() as (app, url),
            publishing(url, iter(Picture()), fps=10),
            listening(url, recording, ask_again=True),
        ):
            session = session_of(app)
            await until(lambda: session.readings > 3 and len(recording.blocks) > 30)

    asyncio.run(scenario())


RESENT = """async () => {
  for (const peer of window.spied.peers) {
    for (const report of (await peer.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "audio") {
        return {received: report.packetsReceived, asked: report.nackCount ?? 0, lost: report.packetsLost,
                again: report.retransmittedPacketsReceived ?? 0, concealed: report.concealedSamples,
                samples: report.totalSamplesReceived};
      }
    }
  }
  return null;
}"""


def test_chromium_asks_for_lost_music_and_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what we send goes through the bad network here: the browser is a process of its own."""
    chromium_path()
    network = BadNetwork(monkeypatch)
    with served(Settings(port=0, seed=1)) as client, sync_playwright() as driver, chromium(driver) as browser:
        watched = Watched(browser.new_page())
        watched.open(client.url + "/source")
        watched.until('document.documentElement.dataset.state === "live"')
        network.weather = Weather(loss=0.2)
        watched.page.wait_for_timeout(6000)
        network.weather = FAIR
        found = watched.page.evaluate(RESENT)
        print(f"Chromium: {found}, {network.fates}")
        assert found["asked"] > 0
        assert found["lost"] <= 0.1 * found["received"], "half of what was lost has come after all, at least"
