"""Raw PCM for other programs, against the real server."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import pytest
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from stream.access import Access
from stream.doors import pcm_socket
from stream.session.session import Session
from stream.settings import Settings
from stream.sound.listener_queue import ListenerQueue
from tests.stream.doors.test_messages import with_session
from tests.stream.served import Client, served

EXAMPLE = Path(__file__).parents[3] / "examples" / "pcm_client.py"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served(Settings(port=0, warm_composers=0, max_listeners=2)) as client:
        yield client


def pcm_client() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pcm_client", EXAMPLE)
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def test_the_example_hears_stereo_music(client: Client, tmp_path: Path) -> None:
    example = pcm_client()
    with connect(client.ws + "/pcm/example") as first:  # a composer takes its time to start on a busy machine
        while not isinstance(block := first.recv(), bytes) or not any(block):
            pass
        example.listen(client.ws + "/pcm/example", 1.0, str(tmp_path / "out.wav"))
    with wave.open(str(tmp_path / "out.wav")) as heard:
        assert (heard.getframerate(), heard.getnchannels(), heard.getnframes()) == (48_000, 2, 48_000)
        pcm = np.frombuffer(heard.readframes(48_000), "<i2").reshape(-1, 2).astype(float)
    last = pcm[-24_000:]
    assert np.std(last[:, 0]) > 3000
    assert np.std(last[:, 1]) == pytest.approx(np.std(last[:, 0]) / 2, rel=0.02)


def test_the_example_carries_a_token(tmp_path: Path) -> None:
    token, out = "listen-token-of-the-example", tmp_path / "out.wav"
    with served(Settings(port=0, warm_composers=0, access=Access(listen=token))) as guarded:
        address = guarded.ws + "/pcm/live"

        def run(**given: str) -> subprocess.CompletedProcess[str]:
            environment = {name: value for name, value in os.environ.items() if name != "NARRASCORE_TOKEN"}
            command = [sys.executable, str(EXAMPLE), "0.2", str(out), address]
            return subprocess.run(command, env=environment | given, capture_output=True, text=True)

        refused = run()
        assert refused.returncode == 1 and "1008" in refused.stderr and "token" in refused.stderr
        assert "Traceback" not in refused.stderr and not out.exists()
        heard = run(NARRASCORE_TOKEN=token)
        assert heard.returncode == 0, heard.stderr
        assert token not in heard.stdout + heard.stderr
    with wave.open(str(out)) as music:
        assert music.getnframes() == 9600


def test_the_first_message_describes_the_rest(client: Client) -> None:
    with connect(client.ws + "/pcm/form") as socket:
        form = json.loads(socket.recv())
        block = socket.recv()
    assert form["type"] == "pcm" and form["session"] == "form" and form["format"] == "s16le"
    assert len(block) == form["block_samples"] * form["channels"] * 2


class Socket:
    """The half of a WebSocket that is sent to."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    async def send_text(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)

    async def close(self, code: int, reason: str) -> None:
        self.sent.append(code)


def test_a_slow_client_is_told_what_it_lost_before_what_came_after() -> None:
    def check(session: Session) -> None:
        queue: ListenerQueue[bytes] = ListenerQueue(pcm_socket.MAX_WAITING)
        for n in range(pcm_socket.MAX_WAITING + 7):
            queue.push(bytes([n]))
        queue.end()
        socket = Socket()
        sending = pcm_socket.send_blocks(cast("WebSocket", socket), session, queue)
        with pytest.raises(StopIteration):  # nothing in it has to wait: one step runs it to its end
            sending.send(None)
        form, lost, first, *_, last, code = socket.sent
        assert form == pcm_socket.described(session)
        assert lost == {"type": "dropped", "blocks": 7}
        assert (first, last, code) == (bytes([7]), bytes([pcm_socket.MAX_WAITING + 6]), 1001)

    with_session(check)


@pytest.mark.parametrize(("name", "code"), [("not a name", 1008), ("full", 1013)])
def test_a_refusal_is_a_close_with_a_reason(client: Client, name: str, code: int) -> None:
    address = client.ws + f"/pcm/{name.replace(' ', '%20')}"
    with (
        connect(client.ws + "/pcm/full") as one,
        connect(client.ws + "/pcm/full") as other,
    ):
        one.recv(), other.recv()
        with connect(address) as refused, pytest.raises(ConnectionClosed) as closed:
            refused.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == code
    assert closed.value.rcvd.reason
