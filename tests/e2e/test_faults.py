"""What breaks inside, and what the listener hears of it. Every figure here is asserted."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.ports import Affect
from stream.session.session import Session
from stream.webrtc.loopback import Recording, listening, publishing, request
from tests.e2e.test_loopback import Picture, alive, loudness, newest, service, session_of, silences_s, until
from tests.stream import scripted
from tests.stream.offers import OBS_OFFER

pytestmark = pytest.mark.e2e


def longest_silence_s(recording: Recording, since_block: int) -> float:
    return max(silences_s(recording.pcm()[960 * since_block :]), default=0.0)


def position_of(session: Session) -> float:
    return float(session.now_playing.get("position", 0.0))


def assert_unbroken(recording: Recording, since_block: int) -> None:
    """Packets never stop and their clock keeps up with ours, whatever became of the music."""
    blocks = recording.blocks[since_block:]
    assert (np.diff([b.pts for b in blocks]) >= 960).all()
    assert np.diff([b.t_s for b in blocks]).max() < 0.5
    behind_s = np.array([b.t_s - b.pts / 48_000 for b in blocks])
    assert np.abs(behind_s - np.median(behind_s)).max() < 0.5


@pytest.mark.alone
def test_a_killed_composer_is_back_within_a_second() -> None:
    async def scenario() -> None:
        recording = Recording()
        async with (
            service(composer_snapshot_s=0.5) as (app, url),
            publishing(url, iter(Picture(120, 120, 120)), fps=20),
            listening(url, recording) as listener,
        ):
            session = session_of(app)
            await until(lambda: position_of(session) > 48_000)
            await asyncio.sleep(1.5)  # the spare is ready
            began, pid = len(recording.blocks), session.composer_pid
            position = position_of(session)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: session.composer_status.restarts == 1)
            took_s = await until(lambda: session.composer_status.state == "playing")
            await until(lambda: len(recording.blocks) > began + 120)
            silence_s = longest_silence_s(recording, began)
            print(f"killed: playing again after {took_s:.2f} s, longest silence {silence_s:.2f} s")
            assert silence_s <= 1.0
            assert_unbroken(recording, began)
            assert listener.connected
            assert session.composer_pid != pid
            # The same piece goes on: same seed, and it did not start from nothing.
            assert session.now_playing["seed"] == 1.0
            assert position_of(session) > position - 48_000

    asyncio.run(scenario())


@pytest.mark.alone
def test_a_hung_composer_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        recording = Recording()
        async with (
            service(scripted.hanging_composer, composer_hang_s=0.5) as (app, url),
            listening(url, recording),
        ):
            session = session_of(app)
            await until(lambda: position_of(session) > 48_000)
            await asyncio.sleep(1.5)
            began = len(recording.blocks)
            session.set_anchor("hang")
            await until(lambda: session.composer_status.restarts == 1)
            assert "hung" in caplog.text
            # Begins from nothing with this anchor, so it plays for a second before it hangs again.
            await until(lambda: session.composer_status.state == "playing")
            session.set_anchor("slow piano")
            await until(lambda: len(recording.blocks) > began + 150)
            silence_s = longest_silence_s(recording, began)
            print(f"hung: longest silence {silence_s:.2f} s")
            assert silence_s <= 1.2
            assert_unbroken(recording, began)

    asyncio.run(scenario())


@pytest.mark.alone
def test_a_stopped_composer_is_replaced_although_it_cannot_even_be_asked_to_leave() -> None:
    async def scenario() -> None:
        recording = Recording()
        async with service(composer_hang_s=0.5) as (app, url), listening(url, recording):
            session = session_of(app)
            await until(lambda: position_of(session) > 48_000)
            await asyncio.sleep(1.5)
            began, pid = len(recording.blocks), session.composer_pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            await until(lambda: session.composer_status.restarts == 1)
            await until(lambda: session.composer_status.state == "playing")
            await until(lambda: len(recording.blocks) > began + 120)
            assert not alive(pid)
            assert longest_silence_s(recording, began) <= 1.2

    asyncio.run(scenario())


@pytest.mark.parametrize("factory", [scripted.broken_composer, scripted.dying_composer])
def test_a_composer_that_cannot_be_made_is_given_up(factory: Any) -> None:
    async def scenario() -> None:
        recording = Recording()
        async with service(factory) as (app, url), listening(url, recording) as listener:
            session = session_of(app)
            await until(lambda: session.composer_status.state == "failed")
            assert "set the anchor again" in session.notice
            restarts = session.composer_status.restarts
            await asyncio.sleep(1.0)
            assert session.composer_status.restarts == restarts
            assert listener.connected and len(recording.blocks) > 50
            session.set_anchor("slow piano")
            await until(lambda: session.composer_status.restarts > restarts)

    asyncio.run(scenario())


def test_a_composer_that_raises_is_revived_by_another_anchor() -> None:
    async def scenario() -> None:
        recording = Recording()
        async with service(scripted.raising_composer) as (app, url), listening(url, recording):
            session = session_of(app)
            await until(lambda: session.composer_status.state == "playing")
            session.set_anchor("raise")
            await until(lambda: session.composer_status.state == "failed", 60.0)
            assert "scripted fault" in session.notice
            session.set_anchor("slow piano")
            await until(lambda: session.composer_status.state == "playing")
            assert session.notice == ""

    asyncio.run(scenario())


@pytest.mark.alone
def test_a_blocked_loop_costs_silence_but_nothing_else() -> None:
    async def scenario() -> None:
        recording = Recording()
        async with service() as (app, url), listening(url, recording):
            session = session_of(app)
            await until(lambda: session.composer_status.state == "playing")
            await asyncio.sleep(1.0)
            assert session.egress is not None
            underruns = session.egress.underruns
            time.sleep(0.5)  # noqa: ASYNC251  (this is the fault)
            await asyncio.sleep(1.0)
            mark = len(recording.blocks)
            await until(lambda: len(recording.blocks) > mark + 50)
            assert session.egress.underruns <= underruns + 1  # a busy machine may add one of its own
            times = [b.pts for b in recording.blocks]
            # The client shares the loop that was blocked: time went forward, by the blocked half second.
            assert (np.diff(times) >= 960).all()
            assert loudness(recording.pcm()[-48_000:]) > 0.05

    asyncio.run(scenario())


def test_a_sensor_that_raises_leaves_the_music_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(self: object, frame: object, t_s: float) -> None:
        raise RuntimeError("scripted")

    monkeypatch.setattr(scripted.BrightnessSensor, "read", fault)

    async def scenario() -> None:
        recording = Recording()
        async with (
            service() as (app, url),
            publishing(url, iter(Picture()), fps=20),
            listening(url, recording),
        ):
            session = session_of(app)
            await until(lambda: session.slot.frames > 20)
            await until(lambda: session.composer_status.state == "playing")
            mark = len(recording.blocks) + 30
            await until(lambda: len(recording.blocks) > mark + 50)
            assert session.readings == 0
            assert loudness(recording.pcm()[960 * mark :]) > 0.05

    asyncio.run(scenario())


def test_a_fault_in_one_session_ends_that_one_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty(scripted.LastReadingWindow):
        made = 0

        def __init__(self) -> None:
            super().__init__()
            Faulty.made += 1
            self._number = Faulty.made

        def estimate(self, t_s: float) -> Affect:
            if self._number == 1 and t_s > 0.5:
                raise RuntimeError("scripted")
            return super().estimate(t_s)

    monkeypatch.setattr(scripted, "WINDOWS", {"balanced": Faulty})

    async def scenario() -> None:
        hurt, sound = Recording(), Recording()
        async with (
            service() as (app, url),
            listening(url, hurt, session="hurt") as peer,
            listening(url, sound, session="sound"),
        ):
            await until(lambda: app.state.sessions.get("hurt") is None)
            await until(lambda: not peer.connected)
            other = session_of(app, "sound")
            await until(lambda: other.composer_status.state == "playing")
            mark = len(sound.blocks)
            await until(lambda: len(sound.blocks) > mark + 50)
            await until(lambda: loudness(newest(sound)) > 0.05)
            # The name is free again.
            async with listening(url, hurt, session="hurt"):
                await until(lambda: session_of(app, "hurt").composer_status.state == "playing")

    asyncio.run(scenario())


def test_a_publisher_that_never_connects_is_forgotten() -> None:
    async def scenario() -> None:
        async with service(connect_timeout_s=0.5) as (app, url):
            sdp = {"Content-Type": "application/sdp"}
            reply = await request("POST", url + "/whip", OBS_OFFER, sdp)
            assert reply.status == 201 and "?" not in reply.headers["location"]
            resource = url + reply.headers["location"]
            assert (await request("GET", resource)).status == 204
            assert (await request("POST", url + "/whip", OBS_OFFER, sdp)).status == 409
            await until(lambda: len(session_of(app).peers) == 0)
            assert session_of(app).peers.video_state == "gone"
            assert (await request("GET", resource)).status == 404
            assert (await request("POST", url + "/whip", OBS_OFFER, sdp)).status == 201

    asyncio.run(scenario())


def shared_memory(pid: int) -> list[str]:
    """Segments that this process made and nobody has freed (only Linux shows them)."""
    return [path.name for path in Path("/dev/shm").glob(f"narrascore-{pid}-*")]


def children() -> set[int]:
    """Our child processes but for multiprocessing's own resource tracker."""
    tracker = resource_tracker._resource_tracker._pid  # type: ignore[attr-defined]
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(stat.parent.name))
    return found - {tracker}


def test_stopping_leaves_nothing_behind() -> None:
    threads, processes = set(threading.enumerate()), children()

    async def scenario() -> list[int]:
        async with service() as (app, url):
            peers = [publishing(url, iter(Picture()), fps=20), listening(url, Recording())]
            for peer in peers:
                await peer.__aenter__()
            session = session_of(app)
            await until(lambda: session.composer_status.state == "playing")
            assert session.composer_pid is not None
            pids = [session.composer_pid]
        # The service went first: its peers are told, and it does not wait for them.
        for peer in peers:
            await peer.__aexit__(None, None, None)
        assert {t for t in asyncio.all_tasks() if t is not asyncio.current_task()} == set()
        return pids

    pids = asyncio.run(scenario())
    assert not any(alive(pid) for pid in pids)
    assert shared_memory(os.getpid()) == []
    assert children() <= processes
    assert set(threading.enumerate()) <= threads
