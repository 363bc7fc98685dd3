"""The track a listener's sender pulls from: it never raises while live and never blocks past its deadline.

aiortc ends a sender for good when `recv` raises, and sends whatever `recv` returns without pacing it.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from stream.ports import SAMPLE_RATE_HZ
from stream.sound.opus import OpusPacket, packet_of
from stream.sound.playout import PLAYOUT_SAMPLES

PACKET_S = PLAYOUT_SAMPLES / SAMPLE_RATE_HZ
PATIENCE_S = 3 * PACKET_S
"""How long after a packet the next one may come before silence takes its place."""
MAX_WAITING = 5
"""Packets a slow listener may be behind; then the oldest is dropped."""


class ListenerTrack(MediaStreamTrack):
    """One listener's view of a session's encoded music. Lives on the event loop."""

    kind = "audio"

    def __init__(self, silence: bytes, start_pts: int) -> None:
        """`silence` is one encoded packet; `start_pts` is the session's sample clock now."""
        super().__init__()
        self._silence = silence
        self._next_pts = start_pts
        self._queue: deque[OpusPacket] = deque()
        self._arrived = asyncio.Event()
        self._deadline_s: float | None = None
        self.dropped = 0
        self.silences = 0

    def push(self, packet: OpusPacket) -> None:
        """Offer the session's next packet. Never blocks; when full the oldest is dropped."""
        if len(self._queue) == MAX_WAITING:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(packet)
        self._arrived.set()

    async def recv(self) -> OpusPacket:
        """The next packet, its pts later than the last one's.

        Raises MediaStreamError once the track has been stopped: aiortc's way to end a sender.
        """
        loop = asyncio.get_running_loop()
        if self._deadline_s is None:
            self._deadline_s = loop.time() + PATIENCE_S
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            packet = self._pop()
            now_s = loop.time()
            if packet is not None:
                self._deadline_s = now_s + PATIENCE_S
                return packet
            if now_s >= self._deadline_s:
                # Paced from now if we are very late, so that silence never bursts.
                self._deadline_s = max(self._deadline_s, now_s - PACKET_S) + PACKET_S
                self.silences += 1
                return self._stamped(packet_of(self._silence, self._next_pts))
            self._arrived.clear()
            timer = loop.call_at(self._deadline_s, self._arrived.set)
            try:
                await self._arrived.wait()
            finally:
                timer.cancel()

    def _pop(self) -> OpusPacket | None:
        """The oldest packet that silence has not stood in for."""
        while self._queue:
            packet = self._queue.popleft()
            assert packet.pts is not None
            if packet.pts >= self._next_pts:
                return self._stamped(packet)
            self.dropped += 1
        return None

    def _stamped(self, packet: OpusPacket) -> OpusPacket:
        assert packet.pts is not None
        self._next_pts = packet.pts + PLAYOUT_SAMPLES
        return packet

    def stop(self) -> None:
        super().stop()
        self._queue.clear()
        self._arrived.set()
