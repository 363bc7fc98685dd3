"""Who uses a session beside its peers, and since when nobody has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from stream.clock import Clock
from stream.errors import Refused
from stream.settings import Settings
from stream.sound.listener_queue import ListenerQueue


class Attendance:
    """Lives on the event loop. Pages, listeners over HTTP and WebSocket, and what of our own keeps it."""

    def __init__(self, settings: Settings, clock: Clock, peers: Callable[[], int]) -> None:
        """`peers` counts the WebRTC peers."""
        self._settings = settings
        self._clock = clock
        self._peers = peers
        self.pages = 0
        """Telemetry sockets open."""
        self._outlets: set[ListenerQueue[Any]] = set()
        self._keepers = 0
        self._idle_since_s = clock()
        self._used = False

    @property
    def outlets(self) -> int:
        """Listeners over HTTP and WebSocket."""
        return len(self._outlets)

    @property
    def in_use(self) -> bool:
        return self._peers() > 0 or self.pages > 0 or bool(self._outlets) or self._keepers > 0

    def touch(self) -> None:
        """Something came or went: the idle time starts anew."""
        self._idle_since_s = self._clock()
        self._used = True

    @property
    def forgotten(self) -> bool:
        """Whether nobody uses the session any more, or an offer that was refused is all it ever had."""
        patience_s = self._settings.idle_end_s if self._used else self._settings.connect_timeout_s
        return not self.in_use and self._clock() - self._idle_since_s > patience_s

    def require_room(self) -> None:
        """Raises Refused 503 when there are as many listeners over HTTP and WebSocket as may be."""
        if len(self._outlets) >= self._settings.max_listeners:
            raise Refused(503, "This session has as many listeners as it can carry: try again later.", 10)

    @contextlib.contextmanager
    def outlet(self, queue: ListenerQueue[Any]) -> Iterator[None]:
        """While the block runs, whoever empties `queue` counts as a listener."""
        self._outlets.add(queue)
        self.touch()
        try:
            yield
        finally:
            self._outlets.discard(queue)
            self.touch()

    def end_outlets(self) -> None:
        """Tell every listener over HTTP and WebSocket that the music is over."""
        for queue in self._outlets:
            queue.end()

    @contextlib.contextmanager
    def page(self) -> Iterator[None]:
        """While the block runs, a page is open."""
        self.pages += 1
        self.touch()
        try:
            yield
        finally:
            self.pages -= 1
            self.touch()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """While the block runs, the session is in use: something of our own feeds it or plays it."""
        self._keepers += 1
        self.touch()
        try:
            yield
        finally:
            self._keepers -= 1
            self.touch()
