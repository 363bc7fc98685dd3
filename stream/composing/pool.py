"""Composer processes, started ahead: the imports and the model are warm before a session needs them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence

from stream.composing.process import ComposerProcess
from stream.ports import ComposerFactory

log = logging.getLogger(__name__)


class ComposerPool:
    """Hands out composer processes and keeps `warm` of them ready. Thread-safe."""

    def __init__(
        self,
        factory: ComposerFactory,
        warm: int,
        refill_delay_s: float = 1.0,
        *,
        modules: Sequence[str] = (),
    ) -> None:
        """A new spare is started `refill_delay_s` after one was taken: its start-up costs a core for a
        while, and the session that has just begun needs it first. `modules` are imported before processes
        are forked, where they are: what they load is shared."""
        self._factory = factory
        self._warm = warm
        self._modules = tuple(modules)
        self._refill_delay_s = refill_delay_s
        self._spares: deque[ComposerProcess] = deque()
        self._lock = threading.Lock()
        self._closed = False
        self._refill: threading.Timer | None = None

    def start(self) -> None:
        self._fill()

    def take(self) -> ComposerProcess:
        """A spare, perhaps still starting, or a new process. Blocks for milliseconds.

        Raises RuntimeError when the pool is closed, OSError when no process can be started.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("the composer pool is closed")
            taken = None
            while self._spares and taken is None:
                spare = self._spares.popleft()
                if spare.alive:
                    taken = spare
                else:
                    log.warning("a spare composer had ended with code %s", spare.exit_code)
                    spare.end(0.0)
            if taken is None:
                taken = ComposerProcess(self._factory, self._modules)
            if self._refill is None and len(self._spares) < self._warm:
                self._refill = threading.Timer(self._refill_delay_s, self._fill)
                self._refill.daemon = True
                self._refill.start()
            return taken

    def _fill(self) -> None:
        with self._lock:
            self._refill = None
            while not self._closed and len(self._spares) < self._warm:
                self._spares.append(ComposerProcess(self._factory, self._modules))

    def close(self) -> None:
        """End the spares. Blocks up to a second or so. Idempotent."""
        with self._lock:
            self._closed = True
            spares, self._spares = list(self._spares), deque()
            if self._refill is not None:
                self._refill.cancel()
        for spare in spares:
            spare.end(0.0)
