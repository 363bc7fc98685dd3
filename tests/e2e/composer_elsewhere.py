"""`narrascore composer` as a user starts it, to be killed and started again by a test."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from types import TracebackType


class ComposerElsewhere:
    """A process that serves a composer on loopback. A context manager."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        """On the same port as before, if there was one. Returns when it can be reached."""
        command = [sys.executable, "-m", "stream.cli", "composer", "--listen", f"127.0.0.1:{self.port}"]
        self._process = subprocess.Popen([*command, *self._options], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"--composer ws://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise AssertionError(f"it ended with code {self._process.wait()}")
        # Nobody reads on: a full pipe must not stop it.
        self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
        self._reader.start()

    def kill(self) -> None:
        """No goodbye of any kind. Idempotent."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> ComposerElsewhere:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
