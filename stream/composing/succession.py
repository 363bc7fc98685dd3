"""Who plays now and who plays next: another composer is made ready while the present one goes on.

`want` may be called and `refusal` read from any thread; the rest belongs to the supervisor's thread.
"""

from __future__ import annotations

import logging
import threading
from typing import NamedTuple

from stream.clock import Clock
from stream.composing.losses import Lost
from stream.composing.messages import Failed, Ready
from stream.composing.offer import Terms
from stream.composing.process import ComposerProcess

log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """Somebody was wanted and could not be started, so another plays on. `reason` is for people."""

    wanted: Terms
    stays: Terms
    reason: str


class Succession:
    """Holds at most one process beside the one that plays."""

    def __init__(self, terms: Terms, clock: Clock, wake: threading.Event) -> None:
        """`wake` is set whenever a successor has said something."""
        self.present = terms
        self._wanted = terms
        self.refusal: Refusal | None = None
        """Of the last that was wanted, if it was refused: None again as soon as anybody is wanted."""
        self._lock = threading.Lock()
        """Of `_wanted` and `refusal`."""
        self._clock = clock
        self._wake = wake
        self._next: ComposerProcess | None = None
        self._next_terms = terms
        self._ready = False
        self._began_s = 0.0

    def want(self, terms: Terms) -> None:
        """Another is to play; the newest wins."""
        with self._lock:
            self._wanted, self.refusal = terms, None
        self._wake.set()

    @property
    def changing(self) -> bool:
        return self._wanted is not self.present

    def settle(self) -> bool:
        """Whoever is wanted now counts as present; whether that is another than before."""
        before, self.present = self.present, self._wanted
        return self.present is not before

    def due(self) -> bool:
        """Whether the present one is to make room. Begins what is to follow, if that has not begun.

        A successor that cannot be started, ends, or takes too long is refused: the present one plays on as if
        nobody else had been wanted, and `refusal` says why.
        """
        terms = self._wanted
        if terms is self.present:
            self.close()  # somebody was to follow, and is not wanted any more
            return False
        try:
            return self._prepare(terms)
        except (Lost, OSError, RuntimeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        self.close()
        with self._lock:
            if self._wanted is terms:
                self._wanted, self.refusal = self.present, Refusal(terms, self.present, reason)
        return False

    def _prepare(self, terms: Terms) -> bool:
        """Whether it can play now. Raises Lost, and OSError and RuntimeError as the pool does."""
        if self._next is None or self._next_terms is not terms:
            self.close()
            self._next, self._next_terms = terms.pool.take(), terms
            self._next.wake_with(self._wake)
            self._began_s = self._clock()
        alive = self._next.alive  # asked first: whatever it said before it ended is heard below
        while not self._ready and (report := self._next.hear()) is not None:
            if isinstance(report, Failed):
                raise Lost(report.error)
            self._ready = isinstance(report, Ready)
        if not alive:
            raise Lost(f"its process ended with code {self._next.exit_code}")
        if not self._ready and self._clock() - self._began_s > terms.start_timeout_s:
            raise Lost(f"it was not ready after {terms.start_timeout_s:.0f} s")
        return self._ready

    def take(self) -> tuple[ComposerProcess, bool]:
        """The present composer's process, and whether it has said that it is ready.

        Raises OSError and RuntimeError as the pool does.
        """
        process, ready = self._next, self._ready
        if process is None or self._next_terms is not self.present:
            self.close()
            process, ready = self.present.pool.take(), False
        self._next, self._ready = None, False
        return process, ready

    def close(self) -> None:
        """End who was to follow. Idempotent."""
        if self._next is not None:
            self._next.end(0.0)
        self._next, self._ready = None, False
