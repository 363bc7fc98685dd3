"""What one listener over HTTP or a WebSocket has yet to be sent: bounded, the oldest dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ListenerQueue(Generic[T]):
    """A `stream.sound.fanout.Sink` that somebody awaits. Lives on the event loop."""

    def __init__(self, capacity: int) -> None:
        """Full, the oldest item goes: a slow listener hears a gap and is never further behind than this."""
        self._waiting: deque[T] = deque(maxlen=capacity)
        self._changed = asyncio.Event()
        self._ended = False
        self.dropped = 0

    def push(self, item: T) -> None:
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(item)
        self._changed.set()

    def end(self) -> None:
        """No more will come: `take` gives what is left, then None. Idempotent."""
        self._ended = True
        self._changed.set()

    async def take(self) -> T | None:
        """The oldest item, as soon as there is one; None after the end."""
        while not self._waiting:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()
