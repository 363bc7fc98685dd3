"""Who plays now and who plays next: another composer is made ready while the present one goes on.

`want` may be called from any thread; the rest belongs to the supervisor's thread.
"""

from __future__ import annotations

import logging
import threading

from stream.clock import Clock
from stream.composing.messages import Ready
from stream.composing.offer import Terms
from stream.composing.process import ComposerProcess

log = logging.getLogger(__name__)


class Succession:
    """Holds at most one process beside the one that plays."""

    def __init__(self, terms: Terms, clock: Clock, wake: threading.Event) -> None:
        """`wake` is set whenever a successor has said something."""
        self.present = terms
        self._wanted = terms
        self._clock = clock
        self._wake = wake
        self._next: ComposerProcess | None = None
        self._next_terms = terms
        self._ready = False
        self._began_s = 0.0

    def want(self, terms: Terms) -> None:
        """Another is to play; the newest wins."""
        self._wanted = terms
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

        A successor that fails to start, or takes too long, is due as well: what it lacks is then told as of
        any composer, and the user can choose again. Raises OSError and RuntimeError as the pool does.
        """
        if not self.changing:
            self.close()  # somebody was to follow, and is not wanted any more
            return False
        terms = self._wanted
        if self._next is None or self._next_terms is not terms:
            self.close()
            self._next, self._next_terms = terms.pool.take(), terms
            self._next.wake_with(self._wake)
            self._began_s = self._clock()
        alive = self._next.alive
        while not self._ready and (report := self._next.hear()) is not None:
            self._ready = isinstance(report, Ready)
        late = self._clock() - self._began_s > terms.start_timeout_s
        return self._ready or late or not alive

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
