"""Composer processes, started ahead: the imports and the model are warm before a session needs them."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections import deque
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from stream import composer_worker
from stream.ports import ComposerFactory

log = logging.getLogger(__name__)

_KILL_WAIT_S = 2.0


class Worker:
    """One composer process and our end of its pipe."""

    def __init__(self, factory: ComposerFactory) -> None:
        """Starts the process (a few milliseconds); `Ready` comes over the pipe when it can play."""
        # Spawned, not forked: a fork would copy our threads' locks and the event loop's sockets.
        context = multiprocessing.get_context("spawn")
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=composer_worker.run, args=(theirs, factory), name="composer", daemon=True
        )
        self.process.start()
        theirs.close()
        self.ready = False

    @property
    def alive(self) -> bool:
        return self.process.is_alive()

    def end(self, grace_s: float) -> None:
        """Close the pipe, wait `grace_s` for the process to leave, then kill it. Blocks; never raises."""
        self.pipe.close()
        self.process.join(grace_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join(_KILL_WAIT_S)
        if self.process.exitcode is None:
            log.error("composer process %s cannot be ended", self.process.pid)
        else:
            self.process.close()


class ComposerPool:
    """Hands out composer processes and keeps `warm` of them ready. Thread-safe."""

    def __init__(self, factory: ComposerFactory, warm: int, refill_delay_s: float = 1.0) -> None:
        """A new spare is started `refill_delay_s` after one was taken: its start-up costs a core for a
        while, and the session that has just begun needs it first."""
        self._factory = factory
        self._warm = warm
        self._refill_delay_s = refill_delay_s
        self._spares: deque[Worker] = deque()
        self._lock = threading.Lock()
        self._closed = False
        self._refill: threading.Timer | None = None

    def start(self) -> None:
        self._fill()

    def take(self) -> Worker:
        """A spare, perhaps still starting, or a new process. Blocks for milliseconds."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the composer pool is closed")
            worker = None
            while self._spares and worker is None:
                spare = self._spares.popleft()
                if spare.alive:
                    worker = spare
                else:
                    log.warning("a spare composer had ended with code %s", spare.process.exitcode)
                    spare.end(0.0)
            if worker is None:
                worker = Worker(self._factory)
            if self._refill is None and len(self._spares) < self._warm:
                self._refill = threading.Timer(self._refill_delay_s, self._fill)
                self._refill.daemon = True
                self._refill.start()
            return worker

    def _fill(self) -> None:
        with self._lock:
            self._refill = None
            while not self._closed and len(self._spares) < self._warm:
                self._spares.append(Worker(self._factory))

    def close(self) -> None:
        """End the spares. Blocks up to a second or so. Idempotent."""
        with self._lock:
            self._closed = True
            spares, self._spares = list(self._spares), deque()
            if self._refill is not None:
                self._refill.cancel()
        for spare in spares:
            spare.end(0.0)
