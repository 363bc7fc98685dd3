"""The newest-wins slot between the network and the sensor."""

from __future__ import annotations

import threading
from typing import NamedTuple

from av import VideoFrame

from stream.clock import monotonic
from stream.stages import WAIT_S


class Arrival(NamedTuple):
    """A decoded frame and when it reached us, in seconds since the session began."""

    frame: VideoFrame
    t_s: float


class LatestFrame:
    """Holds at most one frame. A new one replaces an untaken one, which is counted as dropped.

    `put` is called on the event loop, `take` on a sensing thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrival: Arrival | None = None
        self._put_s = 0.0
        self.frames = 0
        self.dropped = 0
        self.width = 0
        self.height = 0
        self.last_t_s: float | None = None
        self.key_frame_s = 0.0
        """Seconds between the last two key frames; 0 before there were two."""
        self._key_t_s: float | None = None

    def put(self, frame: VideoFrame, t_s: float) -> None:
        with self._lock:
            self.dropped += self._arrival is not None
            self._arrival = Arrival(frame, t_s)
            self._put_s = monotonic()
            self.frames += 1
            self.last_t_s = t_s
            if frame.key_frame:
                if self._key_t_s is not None:
                    self.key_frame_s = t_s - self._key_t_s
                self._key_t_s = t_s
            self.width, self.height = frame.width, frame.height

    def take(self) -> Arrival | None:
        """The frame not yet taken, or None."""
        with self._lock:
            arrival, self._arrival = self._arrival, None
            if arrival is not None:
                WAIT_S.observe(monotonic() - self._put_s)
            return arrival

    @property
    def waiting(self) -> bool:
        return self._arrival is not None

    def clear(self) -> None:
        """Forget the picture of a publisher that has gone; the counters stay."""
        with self._lock:
            self._arrival = None
            self.last_t_s = self._key_t_s = None
            self.key_frame_s = 0.0
