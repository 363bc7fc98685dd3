"""One session's side of the slow reading: the newest frame in, what was read of earlier ones out."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from av import VideoFrame

from sensor.vlm.messages import Looked

LOOKS_KEPT = 8
"""Answers not yet taken; the oldest is dropped."""


class Offered(NamedTuple):
    """A frame and when it was seen, in seconds of its session."""

    frame: VideoFrame
    t_s: float


class SlowEye:
    """Made by `SlowReading.open`. `offer` and the takes belong to the session's thread and never wait.

    Holds one frame: a newer one replaces it (newest wins).
    """

    def __init__(self, number: int, period_s: float, anchor_after_s: float, wake: Callable[[], None]) -> None:
        self.number = number
        self._period_s = period_s
        self._anchor_after_s = anchor_after_s
        self._wake = wake
        self._lock = threading.Lock()
        self._offered: Offered | None = None
        self._looked: deque[Looked] = deque(maxlen=LOOKS_KEPT)
        self._anchor: str | None = None
        self._first_s = math.nan
        self._last_s = -math.inf
        self._asked = anchor_after_s <= 0

    def offer(self, frame: VideoFrame, t_s: float) -> None:
        """A frame that may be read if nothing newer comes before the model is free."""
        with self._lock:
            self._offered = Offered(frame, t_s)
            due = self._due()
        if due:
            self._wake()

    def take_looked(self) -> list[Looked]:
        """What has been read since the last call, oldest first."""
        with self._lock:
            found = list(self._looked)
            self._looked.clear()
            return found

    def take_anchor(self) -> str | None:
        """The anchor written for this session, once."""
        with self._lock:
            text, self._anchor = self._anchor, None
            return text

    # Called on the thread that owns the process.

    @property
    def due(self) -> bool:
        """Whether a frame waits and its time has come."""
        with self._lock:
            return self._due()

    def take_offered(self) -> Offered | None:
        """The frame to be read now, or None."""
        with self._lock:
            if not self._due():
                return None
            offered, self._offered = self._offered, None
            assert offered is not None
            self._last_s = offered.t_s
            if math.isnan(self._first_s):
                self._first_s = offered.t_s
            return offered

    def wants_anchor(self, window_frames: int, looks: int) -> bool:
        """Whether it is time to write: enough seconds seen, or the window about to lose the first. Once."""
        if self._asked or looks == 0:
            return False
        self._asked = self._last_s - self._first_s >= self._anchor_after_s or looks >= window_frames
        return self._asked

    def deliver(self, looked: Looked) -> None:
        with self._lock:
            self._looked.append(looked)

    def deliver_anchor(self, text: str) -> None:
        with self._lock:
            self._anchor = text

    def _due(self) -> bool:
        if self._offered is None:
            return False
        # A tenth early is on time: frames come on a grid of their own. Time that went back is another story.
        since_s = self._offered.t_s - self._last_s
        return since_s >= 0.9 * self._period_s or since_s < 0
