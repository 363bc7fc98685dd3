"""One composer process as its session sees it: a mailbox each way that never makes the session wait."""

from __future__ import annotations

import logging
import multiprocessing
import queue
import sys
import threading
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess

from stream.composing import worker as composer_worker
from stream.composing.messages import Close, Command, Report
from stream.ports import ComposerFactory

log = logging.getLogger(__name__)

_KILL_WAIT_S = 2.0
_LAST_WORDS_S = 0.5


def _context(warm: Sequence[str]) -> ForkServerContext | SpawnContext:
    """How a composer's process comes to be: never as a copy of ours, with our threads' locks and our sockets.

    On Linux it is forked from a process with one thread, begun with the first composer, which has imported
    `warm`: what was loaded there is loaded once, its pages are shared, and another composer is there at once.
    Elsewhere it is spawned, and loads for itself.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([composer_worker.__name__, *warm])
    return context


class ComposerProcess:
    """Two threads own the pipe, one for each way. A process that stops in the middle of a message blocks
    them, not the caller; killing it sets them free."""

    def __init__(self, factory: ComposerFactory, warm: Sequence[str] = ()) -> None:
        """Starts the process; `Ready` is heard when it can play. Takes milliseconds, but for the first one,
        which waits until `warm`, names of modules, are imported. Raises OSError when it cannot be started.
        """
        context = _context(warm)
        self._pipe, theirs = context.Pipe()
        process: BaseProcess = context.Process(
            target=composer_worker.run, args=(theirs, factory), name="composer", daemon=True
        )
        self._process = process
        try:
            process.start()
        except (
            EOFError
        ):  # the process they are forked from ended this very moment: the next try begins another
            self._pipe.close()
            raise OSError("the process that composers are forked from has ended") from None
        finally:
            theirs.close()
        self.pid = self._process.pid
        self.exit_code: int | None = None
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._threads = [
            threading.Thread(target=work, name=f"composer-{self.pid}-{way}", daemon=True)
            for way, work in (("reports", self._read), ("commands", self._write))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """When this is False, everything it ever said can be heard, and `exit_code` is known."""
        if self.exit_code is None and not self._process.is_alive():
            self._threads[0].join(_LAST_WORDS_S)
            self.exit_code = self._process.exitcode
        return self.exit_code is None

    def wake_with(self, event: threading.Event) -> None:
        """Set `event` whenever there is something to hear, and when the pipe ends."""
        self._wake = event

    def tell(self, command: Command) -> None:
        """Post a command; it is sent in the background."""
        self._commands.put(command)

    def hear(self) -> Report | None:
        """The oldest report not yet heard, or None."""
        try:
            return self._reports.get_nowait()
        except queue.Empty:
            return None

    def end(self, grace_s: float) -> None:
        """Ask it to leave, wait `grace_s`, then kill it. Blocks; never raises. Once only."""
        self.tell(Close())
        self._process.join(grace_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_KILL_WAIT_S)
        if self._process.exitcode is None:
            log.error("composer process %s cannot be ended", self.pid)
            return
        self.exit_code = self._process.exitcode
        self._commands.put(None)
        for thread in self._threads:
            thread.join()
        self._pipe.close()
        self._process.close()

    def _read(self) -> None:
        try:
            while True:
                self._reports.put(self._pipe.recv())
                self._wake.set()
        except (EOFError, OSError):
            self._wake.set()

    def _write(self) -> None:
        while self._send(self._commands.get()):  # no name for the last one, which may hold a piece's state
            pass

    def _send(self, command: Command | None) -> bool:
        """False when there is nobody to tell any more."""
        try:
            if command is not None:
                self._pipe.send(command)
        except OSError:  # it has gone; whoever watches it knows
            return False
        return command is not None
