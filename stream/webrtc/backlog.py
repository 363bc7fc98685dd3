"""Bounds for the two queues of an incoming track: aiortc's own grow without end when somebody is slow.

Encoded frames wait for the track's decoder thread, decoded ones for whoever reads the track. Both queues are
put in the place of aiortc's before its decoder thread starts, and with them what it does about lost packets
(`stream/webrtc/loss.py`) and by the wall clock (`stream/webrtc/wall_clock.py`).
`tests/stream/webrtc/test_backlog.py` holds that the receiver still has the attributes that are replaced here.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from aiortc import RTCRtpReceiver
from av.frame import Frame

from stream.clock import Clock, monotonic
from stream.stages import DECODE_S
from stream.webrtc.key_frames import KeyFrames, Pictures
from stream.webrtc.loss import Assembled, endure
from stream.webrtc.wall_clock import steady

MAX_ENCODED: Final = {"video": 30, "audio": 50}
"""Frames that may wait for the decoder: a second of either."""
MAX_DECODED: Final = {"video": 4, "audio": 50}
KEY_PATIENCE_S = 6.0
"""A sender that never sends one (periodic intra refresh) is decoded again after this long, damage and all."""
HANGS_S = 6.0
"""A decoder that has been at one picture for so long will not come back."""

_IDR = 5
_PICTURES = ("VP8", "H264")


class Encoded(NamedTuple):
    """What aiortc hands to its decoder thread: the negotiated codec and an assembled frame."""

    codec: Any
    frame: Any


def is_key_frame(codec_name: str, data: bytes) -> bool:
    """Whether a frame needs no other: VP8 (RFC 6386, 9.1), H.264 Annex B (table 7-1); sound never does."""
    if codec_name == "VP8":
        return len(data) > 0 and data[0] & 1 == 0
    if codec_name == "H264":
        at = data.find(b"\0\0\1")
        while 0 <= at < len(data) - 3:
            if data[at + 3] & 0x1F == _IDR:
                return True
            at = data.find(b"\0\0\1", at + 3)
        return False
    return True


class EncodedFrames:
    """Frames on their way to a decoder thread. `put` never blocks.

    When full, sound loses its oldest frame. A picture's frames refer to each other: all that wait are
    dropped, and what follows until the next key frame, which the sender is asked for. After a loss on the
    network what comes is decoded, damage and all, and a key frame asked for until there is one.
    """

    def __init__(self, capacity: int, ask_key_frame: Callable[[], None], clock: Clock = monotonic) -> None:
        self._capacity = capacity
        self._ask = ask_key_frame
        self._clock = clock
        self._waiting: deque[Encoded | None] = deque()
        self._changed = threading.Condition()
        self._key_frames = KeyFrames()
        self._pictures = Pictures.ALL
        self._until_key = False
        self._damaged = False
        self._lost_s = float("-inf")
        self._skipping_since_s: float | None = None
        """Since something was left out on purpose: what follows refers to it."""
        self.dropped = 0
        """Frames never decoded because the decoder was behind; not those left out on purpose."""
        self.left_out = 0
        self._passed_over_s = float("-inf")
        self._taken_s: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def passed_over_for_s(self) -> float:
        """Seconds since a picture came that was not given to the decoder; infinite before the first. Whoever
        sent it has not fallen silent, though no picture is seen. Infinite, too, while the decoder hangs."""
        now_s, taken_s = self._clock(), self._taken_s
        if taken_s is not None and now_s - taken_s > HANGS_S:
            return float("inf")
        return now_s - self._passed_over_s

    @property
    def pictures(self) -> Pictures:
        """Which are decoded. After `ALL` is set again all are, from the next key frame on."""
        return self._pictures

    @pictures.setter
    def pictures(self, which: Pictures) -> None:
        with self._changed:
            if which == Pictures.ALL and self._skipping_since_s is not None:
                self._skipping_since_s = None
                self._lose()
            self._pictures = which

    def decoder_failed(self) -> None:
        """What was taken last could not be decoded. On the decoder's thread."""
        with self._changed:
            if not self._damaged:
                self._damaged, self._lost_s = True, self._clock()

    def put(self, item: tuple[Any, Any] | None) -> None:
        """A frame from the network; None: there will be no more, and what waits is not worth decoding."""
        with self._changed:
            if item is None:
                self._waiting.clear()
                self._waiting.append(None)
            else:
                self._add(Encoded(*item))
                for frame in self._held_up(item[1]):
                    self._add(Encoded(item[0], frame))
            self._changed.notify()

    def _held_up(self, first: Assembled) -> list[Assembled]:
        """What waited behind it. aiortc puts a frame on a clock without an end: the others follow."""
        for frame in first.more:
            frame.timestamp = first.timestamp + (frame.timestamp - first.rtp_timestamp) % 2**32
        return first.more

    def _add(self, encoded: Encoded) -> None:
        name, now_s = encoded.codec.name, self._clock()
        if not encoded.frame.data:
            # Senders that probe the bandwidth send packets of nothing but padding. FFmpeg takes an empty one
            # for the end of the stream and decodes nothing any more.
            return
        if name not in _PICTURES:
            if len(self._waiting) >= self._capacity:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(encoded)
            return
        key = is_key_frame(name, encoded.frame.data)
        if key:
            self._key_frames.came(now_s)
            self._until_key, self._damaged, self._skipping_since_s = False, False, None
        elif self._until_key and now_s - self._lost_s > KEY_PATIENCE_S:
            self._until_key = False
        if len(self._waiting) >= self._capacity:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            if not key:
                self._lose()
        if self._until_key and not key:
            self.dropped += 1
            self._passed_over_s = now_s
            self._ask_after_loss(now_s)
            return
        if self._pictures != Pictures.ALL and not key:
            if self._key_frames.ask_for_few(now_s):
                self._ask()
            if self._skips(now_s):
                self.left_out += 1
                self._passed_over_s = now_s
                return
        if encoded.frame.after_loss and not key:
            self._damaged = True
        if self._damaged:
            self._ask_after_loss(now_s)
        self._waiting.append(encoded)

    def _skips(self, now_s: float) -> bool:
        """Whether a picture that is not a key frame is left out on purpose."""
        since_s = self._skipping_since_s
        if since_s is None:
            if self._pictures == Pictures.ONE_A_SECOND and self._key_frames.needed(now_s):
                return False
            self._skipping_since_s = now_s
            return True
        if self._pictures == Pictures.ONE_A_SECOND and now_s - since_s > KEY_PATIENCE_S:
            # No key frame came when one should have.
            self._skipping_since_s = None
            self._key_frames.failed_to_come()
            return False
        return True

    def _ask_after_loss(self, now_s: float) -> None:
        if self._key_frames.ask_after_loss(now_s, self._lost_s):
            self._ask()

    def _lose(self) -> None:
        self._until_key, self._lost_s = True, self._clock()

    def get(self) -> tuple[Any, Any] | None:
        """The oldest frame, or None at the end. Blocks; for one thread."""
        with self._changed:
            if self._taken_s is not None:
                # The decoder thread is back for more: until now it decoded what it took last.
                DECODE_S.observe(self._clock() - self._taken_s)
                self._taken_s = None
            while not self._waiting:
                self._changed.wait()
            item = self._waiting.popleft()
            pictures = item is not None and item.codec.name in _PICTURES
            self._taken_s = self._clock() if pictures else None
            return item


class DecodedFrames:
    """Frames on their way to a track's reader, the oldest dropped when full. Lives on the event loop."""

    def __init__(self, capacity: int) -> None:
        self._waiting: deque[Frame] = deque(maxlen=capacity)
        self._capacity = capacity
        self._ended = False
        self._arrived = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    async def put(self, frame: Frame | None) -> None:
        """None is the end."""
        if frame is None:
            self._ended = True
        else:
            self.dropped += len(self._waiting) == self._capacity
            self._waiting.append(frame)
        self._arrived.set()

    async def get(self) -> Frame | None:
        """The oldest frame; None once the track has ended and nothing waits."""
        while not self._waiting:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class PictureRequest:
    """Stands where aiortc has an event that its decoder thread sets whenever it cannot decode a frame: each
    time, a picture loss indication is sent. Here that goes to `on_failure`, and only `send` sends one."""

    def __init__(self) -> None:
        self.on_failure: Callable[[], None] = lambda: None
        self._due = False

    def send(self) -> None:
        """With the next packet that comes. On the event loop."""
        self._due = True

    # What aiortc calls.

    def set(self) -> None:
        self.on_failure()

    def is_set(self) -> bool:
        return self._due

    def clear(self) -> None:
        self._due = False


def bound(receiver: RTCRtpReceiver, *, ask_for_sound: bool = False) -> EncodedFrames | None:
    """Put bounded queues, and patience with a lossy network, into a receiver that has a track and has not
    started; None if it has no track. Lost pictures are always asked for again; sound when told to, which its
    sender must understand (aiortc's does, and whoever offers `nack` for it)."""
    track: Any = receiver.track
    if track is None:
        return None
    parts = vars(receiver)
    assert parts["_RTCRtpReceiver__decoder_thread"] is None, "too late: the decoder has its queues already"
    request = PictureRequest()
    encoded = EncodedFrames(MAX_ENCODED[track.kind], request.send)
    request.on_failure = encoded.decoder_failed
    assert isinstance(parts["_RTCRtpReceiver__decoder_error"], threading.Event)
    parts["_RTCRtpReceiver__decoder_error"] = request
    parts["_RTCRtpReceiver__decoder_queue"] = encoded
    endure(receiver, ask_for_sound=ask_for_sound)
    steady(receiver)
    track._queue = DecodedFrames(MAX_DECODED[track.kind])
    return encoded
