"""The real OBS Studio under a virtual screen, for as long as a test runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START_TIMEOUT_S = 60.0
GET_IT = "apt-get install --no-install-recommends obs-studio xvfb (Debian 12) brings it"


def required() -> None:
    """Skip when there is no OBS here, saying how to get it."""
    for program in ("obs", "Xvfb"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: {GET_IT}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _configure(home: Path, port: int, password: str) -> None:
    # Small and slow: OBS draws on the processor here.
    folder = home / ".config" / "obs-studio"
    (folder / "basic" / "profiles" / "Test").mkdir(parents=True, exist_ok=True)
    (folder / "basic" / "scenes").mkdir(exist_ok=True)
    (folder / "global.ini").write_text(
        "[General]\nFirstRun=true\nEnableAutoUpdates=false\n"
        "[Basic]\nProfile=Test\nProfileDir=Test\nSceneCollection=Test\nSceneCollectionFile=Test\n"
        "[OBSWebSocket]\nFirstLoad=false\nServerEnabled=true\nAlertsEnabled=false\n"
        f"ServerPort={port}\nAuthRequired={'true' if password else 'false'}\nServerPassword={password}\n"
    )
    (folder / "basic" / "profiles" / "Test" / "basic.ini").write_text(
        "[General]\nName=Test\n[Video]\nBaseCX=320\nBaseCY=180\nOutputCX=320\nOutputCY=180\nFPSType=0\nFPSCommon=10\n"
    )


@contextlib.contextmanager
def obs_studio(home: Path, password: str = "", port: int = 0) -> Iterator[str]:
    """OBS with an empty scene collection and a configuration of its own in `home`; gives the address of its
    WebSocket server."""
    required()
    port = port or _free_port()
    _configure(home, port, password)
    reading, writing = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
        pass_fds=(writing,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        display = pipe.readline().strip()
    environment = {
        **os.environ,
        "DISPLAY": f":{display}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_RUNTIME_DIR": str(home),
        "QT_QPA_PLATFORM": "xcb",
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    with (home / "obs.log").open("wb") as log:
        process = subprocess.Popen(
            ["obs", "--multi", "--disable-missing-files-check"],
            env=environment,
            cwd=home,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_port(process, port, home / "obs.log")
            yield f"ws://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            screen.terminate()
            screen.wait()


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    limit_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < limit_s:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.1)
    pytest.fail("OBS did not come up:\n" + log.read_text(errors="replace")[-2000:])
