"""coturn on loopback, for as long as a test runs."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

USER, PASSWORD = "listener", "turn-secret:1@2"
"""The password has to survive a Link header and an option of the command."""
GET_IT = "apt-get install coturn (Debian) brings it"
START_LIMIT_S = 30.0


class TurnServer(NamedTuple):
    """`url` is as in RFC 7065; `log` is what the server writes."""

    url: str
    log: Path

    def relayed(self) -> bool:
        """Whether it has given anybody a relay and carried something to a peer."""
        said = self.log.read_text(errors="replace")
        return "ALLOCATE processed, success" in said and "CHANNEL_BIND processed, success" in said


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def turn_server(folder: Path) -> Iterator[TurnServer]:
    """Listens on 127.0.0.1 and relays from there, to peers on this machine alone."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip(f"no TURN server: {GET_IT}")
    port = _free_port()
    options = ["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-multicast-peers", "--verbose"]
    options += ["--listening-ip=127.0.0.1", f"--listening-port={port}", "--relay-ip=127.0.0.1"]
    options += ["--allow-loopback-peers", "--lt-cred-mech", "--realm=test", f"--user={USER}:{PASSWORD}"]
    options += [f"--userdb={folder / 'users'}", f"--pidfile={folder / 'pid'}", "--log-file=stdout"]
    log = folder / "turnserver.log"
    with log.open("wb") as out:
        process = subprocess.Popen([program, *options], cwd=folder, stdout=out, stderr=subprocess.STDOUT)
    try:
        _await_port(process, port, log)
        yield TurnServer(f"turn:127.0.0.1:{port}?transport=udp", log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    # It listens on TCP beside UDP: that tells when it is there.
    limit_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.1)
    pytest.fail("coturn did not come up:\n" + log.read_text(errors="replace")[-2000:])
