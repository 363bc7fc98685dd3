"""From the egress thread to any number of sinks on the event loop, none of which can hold up the others."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
Pushed = TypeVar("Pushed", contravariant=True)


class Sink(Protocol[Pushed]):
    """Takes what is pushed at once, whatever it does with it. Called on the event loop."""

    def push(self, item: Pushed, /) -> None: ...


class Fanout(Generic[T]):
    """`put` is called on the egress thread; sinks are added, removed and pushed to on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int) -> None:
        """`capacity` items may wait for a blocked event loop; then the oldest is dropped."""
        self._loop = loop
        self._sinks: set[Sink[T]] = set()
        self._waiting: deque[T] = deque(maxlen=capacity)
        self._due = False
        self.wanted = False
        """Whether anybody listens: if not, there is no need to make anything."""

    def add(self, sink: Sink[T]) -> None:
        self._sinks.add(sink)
        self.wanted = True

    def remove(self, sink: Sink[T]) -> None:
        self._sinks.discard(sink)
        self.wanted = bool(self._sinks)

    def put(self, item: T) -> bool:
        """False when the event loop has been closed under us."""
        self._waiting.append(item)
        # One call however many items wait: a blocked loop must not pile up calls.
        if not self._due:
            self._due = True
            try:
                self._loop.call_soon_threadsafe(self._hand_over)
            except RuntimeError:
                return False
        return True

    def _hand_over(self) -> None:
        self._due = False
        while self._waiting:
            item = self._waiting.popleft()
            for sink in self._sinks:
                sink.push(item)
