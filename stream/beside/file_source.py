"""A file or an address as the live picture: for trying the service, and for pictures that need no peer.

A thread of its own decodes and paces; each frame goes into the session's newest-wins slot like a publisher's.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import av
from av import VideoFrame

from stream.beside.clips import ClipError
from stream.clock import Clock
from stream.session.companions import accompany
from stream.session.session import Session
from stream.session.sessions import DEFAULT_NAME, Companion, Sessions

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 10.0
LATE_S, LEAP_S = 0.5, 10.0
FRAME_S = 0.04
STILL_S = 0.5
"""How often what holds a single picture is opened: the picture may have changed."""
BACKOFF_S = (0.5, 1.0, 2.0, 5.0)
CLOSE_WAIT_S = 1.0


def check(address: str) -> None:
    """Decode one picture of `address`. Raises ClipError when that cannot be done, saying what to do."""
    try:
        with av.open(address, "r", timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S)) as container:
            if not container.streams.video:
                raise ClipError(f"{address} holds no pictures: give a video file or the address of one.")
            next(container.decode(video=0))
    except StopIteration as error:
        raise ClipError(f"{address} holds no pictures: give a video file or the address of one.") from error
    except FileNotFoundError as error:
        raise ClipError(f"{address} is not there: give a video file or the address of one.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ClipError(f"{address} cannot be read ({_words(error)}): give a video file.") from error


class Pace:
    """When each frame is due: its time in the file, against a clock. Pure: it is told the time."""

    def __init__(self) -> None:
        self._start_s: float | None = None
        self._last_s = 0.0

    def wait_s(self, frame_s: float | None, now_s: float) -> float:
        """Seconds until the frame stamped `frame_s` is due; not positive if it is late.

        A frame without a stamp comes `FRAME_S` after the last. A stamp that goes back or leaps ahead, and a
        reader that comes far too late, begin anew, now.
        """
        if frame_s is None:
            frame_s = self._last_s + FRAME_S
        if self._start_s is not None:
            due_in_s = self._start_s + frame_s - now_s
            back = frame_s < self._last_s
            if back or not -LATE_S < due_in_s < LEAP_S:
                self._start_s = None
        if self._start_s is None:
            self._start_s = now_s - frame_s
        self._last_s = frame_s
        return self._start_s + frame_s - now_s


class FileSource:
    """Plays `address` again and again until `close`."""

    def __init__(self, address: str, put: Callable[[VideoFrame], None], clock: Clock) -> None:
        """`put` is called on this source's thread."""
        self._address = address
        self._put = put
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="file-source", daemon=True)
        self.trouble = ""
        """A sentence for the user while it cannot be read, else empty."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; it may be waiting for a network, so it is not waited for long. Idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_WAIT_S)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                shown = self._play_once()
            except (av.FFmpegError, OSError) as error:
                shown, reason = 0, _words(error)
            else:
                reason = "it holds no pictures"
            if shown:
                failures = 0
                continue
            self.trouble = f"{self._address} cannot be read ({reason}): it is tried again and again."
            if failures == 0:
                log.warning("%s", self.trouble)
            self._stop.wait(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1

    def _play_once(self) -> int:
        """Show it from its beginning to its end; how many pictures that were. Raises OSError, FFmpegError."""
        pace, shown, end_s = Pace(), 0, None
        with av.open(self._address, "r", timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S)) as container:
            if not container.streams.video:
                return 0
            for frame in container.decode(video=0):
                wait_s = pace.wait_s(frame.time, self._clock())
                if wait_s > 0 and self._stop.wait(wait_s):
                    break
                if self._stop.is_set():
                    break
                self._put(frame)
                self.trouble = ""
                shown += 1
                end_s = _end_s(frame)
        if shown:
            # The last picture has its time too, or what holds one picture would be opened without a pause.
            self._stop.wait(STILL_S if shown == 1 else max(0.0, pace.wait_s(end_s, self._clock())))
        return shown


def _end_s(frame: VideoFrame) -> float | None:
    """When what follows the frame is due, in the file's time; None when the file does not say."""
    if frame.time is None or not frame.duration or frame.time_base is None:
        return None
    return frame.time + float(frame.duration * frame.time_base)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def file_source(address: str, clock: Clock) -> Companion:
    """The default session's picture, from `address`, for as long as the service runs."""

    async def show(session: Session) -> None:
        with session.own_picture() as put:
            source = FileSource(address, put, clock)
            source.start()
            session.remark("source", lambda: source.trouble)
            try:
                await session.until_closing()
            finally:
                session.remark("source", None)
                await asyncio.to_thread(source.close)

    async def run(sessions: Sessions) -> None:
        await accompany(sessions, DEFAULT_NAME, "The picture of --source", show)

    return run
