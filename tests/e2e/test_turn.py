"""Peers that reach the service through a TURN relay only, which our Link headers have told them of.

All of it on this machine: coturn listens and relays on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCIceServer
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from playwright.sync_api import sync_playwright

from stream.ice_servers import IceServer
from stream.settings import Settings
from stream.webrtc import loopback
from stream.webrtc.loopback import Recording, listening, publishing, request
from tests.e2e.chromium import Watched, chromium, chromium_path
from tests.e2e.test_loopback import Picture, loudness, newest, service, session_of, until
from tests.e2e.turn_server import PASSWORD, USER, TurnServer, turn_server
from tests.stream.served import served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PATIENCE_S = 60.0

# Runs before the page's scripts: this browser may use nothing but relays, as behind a closed firewall.
RELAY_ONLY = """
  const Direct = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Direct {
    constructor(options) { super({...options, iceTransportPolicy: "relay"}); }
  };
"""

# For each connection of the page the kinds of address it sends from: more than one pair may be nominated.
SENT_FROM = """async () => {
  const kinds = [];
  for (const peer of window.spied.peers) {
    const reports = await peer.getStats();
    const pairs = [...reports.values()].filter((one) => one.type === "candidate-pair" && one.nominated);
    kinds.push([...new Set(pairs.map((pair) => reports.get(pair.localCandidateId).candidateType))]);
  }
  return kinds;
}"""


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[TurnServer]:
    with turn_server(tmp_path) as server:
        yield server


def told_of(link: str) -> RTCIceServer:
    """The server in a Link header (RFC 9725, 4.6), as a peer would read it."""
    (url,) = re.findall(r"<([^>]+)>", link)
    given = {
        name: re.sub(r"\\(.)", r"\1", value)
        for name, value in re.findall(r'([\w-]+)="((?:[^"\\]|\\.)*)"', link)
    }
    assert given["rel"] == "ice-server"
    return RTCIceServer(urls=url, username=given["username"], credential=given["credential"])


def test_a_peer_that_may_only_relay_is_heard_and_hears(
    turn: TurnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        recording = Recording()
        async with service(ice_servers=(IceServer(turn.url, USER, PASSWORD),)) as (app, url):
            told = told_of((await request("OPTIONS", url + "/whep")).headers["link"])

            def relay_only(iceServers: list[RTCIceServer]) -> RTCConfiguration:
                return RTCConfiguration([told], RTCIceTransportPolicy.RELAY)

            monkeypatch.setattr(loopback, "RTCConfiguration", relay_only)
            async with (
                publishing(url, iter(Picture(235, 235, 235)), fps=20) as sender,
                listening(url, recording) as ear,
            ):
                for peer in (sender, ear):
                    offered = re.findall(r"typ (\w+)", peer.connection.localDescription.sdp)
                    assert set(offered) == {"relay"}
                await until(lambda: session_of(app).readings > 2, PATIENCE_S)
                await until(
                    lambda: len(recording.blocks) > 25 and loudness(newest(recording)) > 0.05,
                    PATIENCE_S,
                )
            assert turn.relayed()

    asyncio.run(scenario())


def test_a_browser_that_may_only_relay_shows_its_camera_and_plays_the_music(turn: TurnServer) -> None:
    chromium_path()
    settings = Settings(port=0, ice_servers=(IceServer(turn.url, USER, PASSWORD),))
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with served(settings) as client, sync_playwright() as playwright, chromium(playwright, *flags) as browser:
        page = browser.new_page()
        watched = Watched(page)  # its spy first: it keeps what the page makes of the class below
        page.add_init_script(RELAY_ONLY)
        watched.open(client.url)
        page.get_by_role("radio", name="Camera").check()
        page.get_by_role("button", name="Start").click()  # which listens too
        watched.until('document.getElementById("start").dataset.state === "live"', PATIENCE_S)
        limit_s = time.monotonic() + PATIENCE_S
        while not any(told["video"]["readings"] > 2 for told in watched.telemetry()):
            assert time.monotonic() < limit_s, watched.telemetry()[-1:]
            page.wait_for_timeout(100)
        assert watched.loudness(PATIENCE_S)["left"] > 1e-3
        assert page.evaluate(SENT_FROM) == [["relay"], ["relay"]]
        assert watched.complaints == []
        assert turn.relayed()
