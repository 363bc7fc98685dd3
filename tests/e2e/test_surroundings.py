"""What breaks around the service: the machine sleeps, is starved, lacks something; peers come and go."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import functools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiortc import clock as aiortc_clock

from stream.session.session import Session
from stream.webrtc.loopback import LoopbackPeer, Recording, listening, publishing, request
from tests.e2e.test_faults import longest_silence_s, position_of
from tests.e2e.test_loopback import Picture, alive, loudness, newest, service, session_of, until
from tests.e2e.test_shutdown import descendants, server_process, up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def heard_again(recording: Recording) -> float:
    """Seconds until the newest tenth of a second is music."""
    mark = len(recording.blocks)
    return await until(
        lambda: len(recording.blocks) > mark + 5 and loudness(newest(recording, 5)) > 0.05, 30.0
    )


def playing(recording: Recording) -> bool:
    return len(recording.blocks) > 20 and loudness(newest(recording, 5)) > 0.05


def moved_on(session: Session, recording: Recording, readings: int, blocks: int) -> bool:
    return session.readings > readings and len(recording.blocks) > blocks + 50


def vanish(peer: LoopbackPeer) -> None:
    """No goodbye of any kind: its packets just stop."""
    connection = peer.connection
    ends: list[Any] = [*connection.getSenders(), *connection.getReceivers()]
    for transport in {end.transport.transport for end in ends if end.transport is not None}:
        for protocol in transport._connection._protocols:
            protocol.transport.sendto = lambda *_: None


def test_a_machine_that_sleeps_for_ten_seconds_goes_on_with_the_piece() -> None:
    """The whole process group is stopped, as by the lid of a laptop; peers elsewhere are not."""

    async def scenario(process: subprocess.Popen[str], url: str) -> None:
        recording = Recording()
        await up(url)
        async with (
            publishing(url, iter(Picture(120, 120, 120)), fps=10) as publisher,
            listening(url, recording) as listener,
        ):
            await until(lambda: playing(recording))
            family = descendants(process.pid)
            os.killpg(process.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(10.0)
            finally:
                os.killpg(process.pid, signal.SIGCONT)
            mark = len(recording.blocks)
            took_s = await heard_again(recording)
            await until(lambda: len(recording.blocks) > mark + 100)
            burst = sum(b.t_s < recording.blocks[mark].t_s + 0.5 for b in recording.blocks[mark:])
            print(f"slept for 10 s: heard again after {took_s:.2f} s, {burst} packets in the first 0.5 s")
            assert took_s < 5.0
            assert burst < 60, "what was missed is not sent in a burst"
            assert all(alive(pid) for pid in family), "the composer counts as hung"
            assert listener.connected and publisher.connected
            assert (await request("GET", publisher.url)).status == 204

    with server_process() as (process, url):
        asyncio.run(scenario(process, url))


@contextlib.contextmanager
def burners(count: int) -> Iterator[None]:
    """So many processes that do nothing but compute, at the usual priority."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.mark.alone
def test_a_starved_processor_costs_sound_but_no_session() -> None:
    async def scenario() -> None:
        recording = Recording()
        async with (
            service() as (app, url),
            publishing(url, iter(Picture(120, 120, 120)), fps=10) as publisher,
            listening(url, recording) as listener,
        ):
            session = session_of(app)
            await until(lambda: playing(recording) and session.readings > 2)
            mark, pid, readings = len(recording.blocks), session.composer_pid, session.readings
            with burners(2 * (os.cpu_count() or 1)):
                await asyncio.sleep(4.0)
            silence_s, readings = longest_silence_s(recording, mark), session.readings - readings
            took_s = await heard_again(recording)
            print(f"starved: longest silence {silence_s:.2f} s, {readings} readings, then {took_s:.2f} s")
            assert silence_s < 2.0 and readings > 0
            assert took_s < 5.0
            assert (session.composer_pid, session.composer_status.restarts) == (pid, 0), "it counts as hung"
            assert publisher.connected and listener.connected

    asyncio.run(scenario())


BEGAN = datetime.timedelta(days=-365 * 56)
"""About 1970: a machine without a battery for its clock..."""
JUMPS = (datetime.timedelta(), datetime.timedelta(hours=-1), datetime.timedelta(hours=1))
"""... which hears the time at last, and is then put back and ahead."""


def test_a_wall_clock_that_jumps_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true_time, true_date = time.time, aiortc_clock.current_datetime
    jump = BEGAN
    monkeypatch.setattr(time, "time", lambda: true_time() + jump.total_seconds())
    monkeypatch.setattr(aiortc_clock, "current_datetime", lambda: true_date() + jump)
    failed: list[object] = []

    async def scenario() -> None:
        nonlocal jump
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failed.append(context))
        recording = Recording()
        async with (
            service() as (app, url),
            publishing(url, iter(Picture(120, 120, 120)), fps=10) as publisher,
            # `ask_again` has our own receiver there too: aiortc's does not survive this.
            listening(url, recording, ask_again=True) as listener,
        ):
            session = session_of(app)
            await until(lambda: playing(recording))
            mark = len(recording.blocks)
            for to in JUMPS:
                jump = to
                readings, blocks = session.readings, len(recording.blocks)
                await asyncio.sleep(2.0)  # a report of every kind is sent meanwhile
                await until(functools.partial(moved_on, session, recording, readings, blocks))
            print(f"clock jumped: longest silence {longest_silence_s(recording, mark):.2f} s")
            assert longest_silence_s(recording, mark) < 2.0  # a busy machine has silences of its own
            assert (np.diff([b.pts for b in recording.blocks[mark:]]) >= 960).all()
            assert publisher.connected and listener.connected
            for peer in (publisher, listener):
                stats = (await peer.connection.getStats()).values()
                reports = [one for one in stats if one.type.startswith("remote-")]
                assert reports, "the other side does not report any more"
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 10.0, "leaving must not hang"

    asyncio.run(scenario())
    assert not failed


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_without_file_descriptors_the_music_plays_on_and_then_all_is_well() -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))\n"

    async def scenario(process: subprocess.Popen[str], url: str) -> None:
        recording = Recording()
        await up(url)
        async with listening(url, recording) as listener:
            await until(lambda: playing(recording))
            mark = len(recording.blocks)
            address = (urllib.parse.urlsplit(url).hostname, urllib.parse.urlsplit(url).port)
            held = []
            try:
                for _ in range(100):
                    held.append(await asyncio.to_thread(socket.create_connection, address, 2.0))
                await asyncio.sleep(1.0)
                # Some are left, for media.
                assert len(os.listdir(f"/proc/{process.pid}/fd")) < 60
                await asyncio.sleep(1.0)
            finally:
                for connection in held:
                    connection.close()
            silence_s = longest_silence_s(recording, mark)

            async def served() -> bool:
                with contextlib.suppress(Exception):
                    return (await request("GET", url + "/healthz")).status == 200
                return False

            began_s = time.monotonic()
            while not await served():
                assert time.monotonic() - began_s < 10.0
                await asyncio.sleep(0.1)
            took_s = time.monotonic() - began_s
            print(f"no descriptors: longest silence {silence_s:.2f} s, served again after {took_s:.2f} s")
            assert silence_s < 2.0 and listener.connected
            async with listening(url, Recording(), session="other"):
                pass
        process.terminate()
        assert await asyncio.to_thread(process.wait, 10.0) == 0
        assert process.stderr is not None
        assert len(process.stderr.read().splitlines()) < 200, "the log is flooded"

    with server_process(limited) as (process, url):
        asyncio.run(scenario(process, url))


def consent(monkeypatch: pytest.MonkeyPatch, faster: float) -> None:
    """Peers that say nothing count as gone after half a minute (RFC 7675): here `faster` times as fast."""
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", aioice.ice.CONSENT_INTERVAL / faster)


@pytest.mark.parametrize("away", ["5 s", "a minute"])
def test_a_publisher_that_was_away_takes_its_place_again(away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if away == "a minute":
        consent(monkeypatch, 20.0)

    async def scenario() -> None:
        recording = Recording()
        async with (
            service() as (app, url),
            publishing(url, iter(Picture(120, 120, 120)), fps=10, token="secret") as publisher,
            listening(url, recording),
        ):
            session = session_of(app)
            await until(lambda: session.readings > 2 and playing(recording))
            mark, pid, position = len(recording.blocks), session.composer_pid, position_of(session)
            vanish(publisher)
            if away == "5 s":
                await asyncio.sleep(5.0)
                assert session.peers.published, "it still has its place"
            else:
                await until(lambda: not session.peers.published)
            assert session.peers.video_state == "gone" and "picture" in session.notice
            readings = session.readings
            async with publishing(url, iter(Picture(120, 120, 120)), fps=10, token="secret"):
                took_s = await until(lambda: session.readings > readings + 2)
                assert session.peers.video_state == "live" and "picture" not in session.notice
                silence_s = longest_silence_s(recording, mark)
                print(f"away for {away}: read again after {took_s:.2f} s, longest silence {silence_s:.2f} s")
                assert silence_s < 2.0  # a busy machine has silences of its own
                assert session.composer_pid == pid and position_of(session) > position
                assert (np.diff([b.pts for b in recording.blocks[mark:]]) >= 960).all()

    asyncio.run(scenario())


def test_a_listener_that_vanished_is_forgotten_and_the_others_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    consent(monkeypatch, 20.0)

    async def scenario() -> None:
        recording = Recording()
        async with (
            service() as (app, url),
            listening(url, recording),
            listening(url, Recording()) as gone,
        ):
            session: Session = session_of(app)
            await until(lambda: playing(recording) and session.peers.listeners == 2)
            mark = len(recording.blocks)
            vanish(gone)
            await until(lambda: session.peers.listeners == 1)
            assert longest_silence_s(recording, mark) < 2.0, "a busy machine has silences of its own"
            assert np.diff([b.pts for b in recording.blocks[mark:]]).max() < 48_000

    asyncio.run(scenario())
