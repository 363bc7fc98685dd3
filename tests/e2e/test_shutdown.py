"""The server as a process of its own: how it ends, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from stream.doors.server import CannotListen, run
from stream.errors import StreamError
from stream.settings import Settings
from stream.webrtc.loopback import Recording, listening, request
from tests.e2e.test_faults import shared_memory
from tests.e2e.test_loopback import alive, until
from tests.stream.served import scripted_app

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
SERVER = """
import sys
from stream.doors import server
from stream.settings import Settings
from tests.stream.served import scripted_app
folder = sys.argv[2]
settings = Settings(port=int(sys.argv[1]), record=bool(folder), record_folder=folder)
server.run(scripted_app(settings), settings)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def server_process(first: str = "", record_folder: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process group of its own, and its address. `first` is Python that it runs before anything
    else; with `record_folder` it records everything."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    process = subprocess.Popen(
        [sys.executable, "-c", first + SERVER, str(port), record_folder],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with server_process() as running:
        yield running


async def up(url: str) -> None:
    for _ in range(200):
        try:
            await request("GET", url + "/healthz")
        except StreamError:
            await asyncio.sleep(0.1)
        else:
            return
    pytest.fail("the server did not come up")


def descendants(pid: int) -> set[int]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found |= {int(stat.parent.name)} | descendants(int(stat.parent.name))
    return found


def faded(recording: Recording) -> bool:
    """Whether the last sound went down gently: no step larger than the music's own slope."""
    mono = recording.pcm()[:, 0].astype(int)
    last = int(np.flatnonzero(np.abs(mono) > 30)[-1])
    return bool(np.abs(np.diff(mono[last - 960 : last + 480])).max() < 1200)


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(server: tuple[subprocess.Popen[str], str], number: int) -> None:
    process, url = server

    async def scenario() -> None:
        recording = Recording()
        await up(url)
        async with listening(url, recording) as listener:
            # On a busy machine the composer needs longer to start than these blocks of silence take.
            await until(lambda: len(recording.blocks) > 60 and np.abs(recording.pcm()[-960:]).max() > 300)
            family = descendants(process.pid)
            assert family
            began_s = time.monotonic()
            process.send_signal(number)
            code = await asyncio.to_thread(process.wait, 10.0)
            took_s = time.monotonic() - began_s
            print(f"ended with {code} after {took_s:.2f} s")
            assert code == 0
            assert took_s < 5.0
            await until(lambda: not listener.connected)
            await until(lambda: not any(alive(pid) for pid in family), 5.0)
            assert faded(recording)
        assert process.stderr is not None
        assert process.stderr.read() == ""

    asyncio.run(scenario())
    assert shared_memory(process.pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_recording_is_whole_after_the_end(number: int, tmp_path: Path) -> None:
    """To its last sample after SIGTERM; after SIGKILL up to the last second."""

    async def scenario(process: subprocess.Popen[str], url: str) -> float:
        recording = Recording()
        await up(url)
        async with listening(url, recording):
            await until(lambda: len(recording.blocks) > 60 and np.abs(recording.pcm()[-960:]).max() > 300)
            await asyncio.sleep(1.0)
            heard_s = len(recording.blocks) * 0.02
            process.send_signal(number)
            code = await asyncio.to_thread(process.wait, 10.0)
            assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        return heard_s

    with server_process(record_folder=str(tmp_path)) as (process, url):
        heard_s = asyncio.run(scenario(process, url))
    (folder,) = tmp_path.iterdir()
    with av.open(str(folder / "music.flac")) as music:
        kept = np.concatenate([frame.to_ndarray().ravel()[::2] for frame in music.decode(audio=0)])
    story = json.loads((folder / "provenance.json").read_text())
    print(f"{signal.Signals(number).name}: {heard_s:.1f} s were heard, {len(kept) / 48_000:.1f} s are kept")
    assert len(kept) / 48_000 > heard_s - 1.0
    assert np.abs(kept).max() > 300
    if number == signal.SIGTERM:
        assert story["ended"] is not None and story["seconds"] == pytest.approx(len(kept) / 48_000, abs=0.01)
        assert np.abs(kept[-480:]).max() < 30, "the fade is in the file"


@pytest.mark.alone
def test_a_kill_leaves_no_orphans_and_no_memory(server: tuple[subprocess.Popen[str], str]) -> None:
    process, url = server

    async def scenario() -> None:
        recording = Recording()
        await up(url)
        async with listening(url, recording):
            await until(lambda: len(recording.blocks) > 30)
            family = descendants(process.pid)
            if sys.platform == "linux":
                assert len(shared_memory(process.pid)) == 1
            process.kill()
            await asyncio.to_thread(process.wait, 10.0)
            await until(lambda: not any(alive(pid) for pid in family), 5.0)

    asyncio.run(scenario())
    assert shared_memory(process.pid) == []


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(port=taken.getsockname()[1])
        with pytest.raises(CannotListen, match="choose another"):
            run(scripted_app(settings), settings)


def test_health_counts_sessions(server: tuple[subprocess.Popen[str], str]) -> None:
    _, url = server

    async def scenario() -> None:
        await up(url)
        async with listening(url, Recording(), session="one"), listening(url, Recording(), session="two"):
            health = await request("GET", url + "/healthz")
            assert json.loads(health.body) == {"status": "ok", "sessions": 2}

    asyncio.run(scenario())
