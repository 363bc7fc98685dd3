"""What a receiver does about lost packets: asks for them again, waits for a while, then goes on without them.

aiortc asks once, when it sees a gap, and then waits for 512 later packets: when the answer is lost too, a
picture of a few packets a frame stands still for half a minute. And it hands on at most one frame for each
packet that comes, so that what a gap had held up stays late. Both parts are replaced by those here
(`stream.webrtc.backlog.bound`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from aiortc import RTCRtpReceiver

from stream.clock import Clock, monotonic

CAPACITY = 512
"""Packets that may wait behind a gap, as in aiortc."""
MAX_MISORDER = 100
"""A packet further behind than this is of a sender that has begun anew, once the next one agrees."""
PICTURE_PATIENCE_S = 0.5
"""How long a lost packet is waited for: time to ask for it twice or thrice."""
SOUND_PATIENCE_S = 0.2
ASK_AGAIN_S = 0.1
MAX_MISSING = 128
"""Packets asked for at once, the newest: what aiortc as a sender keeps."""


class Packet(Protocol):
    """What is read of aiortc's RtpPacket; `_data` is its payload without the codec's own header."""

    sequence_number: int
    timestamp: int
    marker: int
    payload: bytes
    _data: bytes


@dataclass
class Assembled:
    """An assembled frame, as aiortc passes it on, changing `timestamp`. `after_loss`: something before it is
    missing. `more` are frames that became whole with it, in their order."""

    data: bytes
    timestamp: int
    after_loss: bool = False
    more: list[Assembled] = field(default_factory=list)
    rtp_timestamp: int = field(init=False)

    def __post_init__(self) -> None:
        self.rtp_timestamp = self.timestamp


def distance(later: int, earlier: int) -> int:
    """How far one 16-bit sequence number is behind another: -32768 to 32767."""
    return (later - earlier + 0x8000) % 0x10000 - 0x8000


def begins_frame(packet: Packet) -> bool:
    """Whether decoding may start here after a gap, for both picture codecs.

    H.264: a NAL unit begins, which aiortc gives a start code. VP8 (RFC 7741, 4.2): S set and PID 0, where
    H.264 has the type bits of a single-time aggregation, which begins one too.
    """
    return packet._data.startswith(b"\0\0\0\1") or (
        len(packet.payload) > 0 and packet.payload[0] & 0x17 == 0x10
    )


class _Arrived(NamedTuple):
    packet: Packet
    at_s: float


class PatientBuffer:
    """Stands where aiortc's JitterBuffer stands: packets in, in any order; whole frames out, in theirs.

    No packet waits longer for one before it than the patience.
    """

    def __init__(self, pictures: bool, clock: Clock = monotonic) -> None:
        """Without `pictures` every packet is a frame."""
        self._pictures = pictures
        self._patience_s = PICTURE_PATIENCE_S if pictures else SOUND_PATIENCE_S
        self._clock = clock
        self._waiting: dict[int, _Arrived] = {}
        """By sequence number, counted on without an end; in the order of arrival."""
        self._next: int | None = None
        self._newest = 0
        self._behind: int | None = None
        self._lost = True
        self._markers = True
        """Whether the last packet of each frame has said so: then a frame need not wait for the next one. A
        packet that lied ends it."""
        self._taken_timestamp: int | None = None
        self.given_up = 0
        """Gaps gone on without."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, packet: Packet) -> tuple[bool, Assembled | None]:
        """Whether a key frame should be asked for at once (never: `EncodedFrames` asks), and the oldest whole
        frame with all that are whole behind it."""
        now_s = self._clock()
        number = self._unwrapped(packet.sequence_number)
        begun = self._taken_timestamp is not None
        if self._next is None or (not begun and number <= self._next):
            # Something is missing before a packet that does not begin a frame.
            self._next = number if self._begins(packet) else number - 1
        elif number < self._next and not self._restarts(number):
            return False, None
        self._behind = None
        self._waiting.setdefault(number, _Arrived(packet, now_s))
        while number - self._next >= CAPACITY:
            self._give_up()
        frames = self._whole()
        while self._gap() and now_s - next(iter(self._waiting.values())).at_s > self._patience_s:
            self._give_up()
            frames += self._whole()
        if not frames:
            return False, None
        frames[0].more = frames[1:]
        return False, frames[0]

    def _unwrapped(self, sequence: int) -> int:
        if self._next is None:
            self._newest = sequence
        number = self._newest + distance(sequence, self._newest % 0x10000)
        self._newest = max(self._newest, number)
        return number

    def _begins(self, packet: Packet) -> bool:
        return not self._pictures or begins_frame(packet)

    def _restarts(self, number: int) -> bool:
        """Whether a packet from behind begins a stream anew: two in a row must be far off (RFC 3550, A.1)."""
        assert self._next is not None
        if self._next - number <= MAX_MISORDER:
            return False
        before, self._behind = self._behind, number
        if before is None or number != before + 1:
            return False
        self._waiting.clear()
        self._newest = self._next = number
        self._lost = True
        return True

    def _gap(self) -> bool:
        """Whether something that has come waits for something that has not."""
        assert self._next is not None
        return bool(self._waiting) and self._newest - self._next >= len(self._waiting)

    def _whole(self) -> list[Assembled]:
        """Take out what is whole, up to the first gap."""
        assert self._next is not None
        frames: list[Assembled] = []
        pieces: list[Packet] = []
        at = self._next
        while (arrived := self._waiting.get(at)) is not None:
            packet = arrived.packet
            if pieces and packet.timestamp != pieces[0].timestamp:
                frames.append(self._take(pieces))
                pieces = []
            if packet.timestamp == self._taken_timestamp and packet.payload:
                self._markers = False  # its frame went before it
            pieces.append(packet)
            at += 1
            if not self._pictures or (packet.marker and self._markers):
                frames.append(self._take(pieces))
                pieces = []
        return frames

    def _take(self, pieces: list[Packet]) -> Assembled:
        assert self._next is not None
        for number in range(self._next, self._next + len(pieces)):
            del self._waiting[number]
        self._next += len(pieces)
        frame = Assembled(b"".join(p._data for p in pieces), pieces[0].timestamp, self._lost)
        self._lost, self._taken_timestamp = False, frame.timestamp
        return frame

    def _give_up(self) -> None:
        """Drop what the first gap has spoilt, up to the next packet that a frame begins with."""
        assert self._next is not None
        self._lost = True
        self.given_up += 1
        spoilt: int | None = None
        while (arrived := self._waiting.pop(self._next, None)) is not None:
            spoilt = arrived.packet.timestamp
            self._next += 1
        for number in sorted(self._waiting):
            packet = self._waiting[number].packet
            if packet.timestamp != spoilt and self._begins(packet):
                self._next = number
                return
            del self._waiting[number]
        self._next = self._newest + 1


class Reminder:
    """Stands where aiortc's NackGenerator stands: says when to ask for what is missing, and asks again."""

    def __init__(self, patience_s: float, clock: Clock = monotonic) -> None:
        """A packet is asked for again and again until it is `patience_s` late."""
        self._patience_s = patience_s
        self._clock = clock
        self._newest: int | None = None
        self._since: dict[int, float] = {}
        self._asked_s = float("-inf")

    @property
    def missing(self) -> set[int]:
        return set(self._since)

    def add(self, packet: Any) -> bool:
        """Whether it is time to ask for `missing`."""
        sequence, now_s = packet.sequence_number, self._clock()
        ahead = 1 if self._newest is None else distance(sequence, self._newest)
        new = False
        if ahead > CAPACITY or ahead < -CAPACITY:
            self._since.clear()
            self._newest = sequence
        elif ahead > 0:
            for number in range(sequence - ahead + 1, sequence):
                self._since[number % 0x10000] = now_s
                new = True
            self._newest = sequence
        else:
            self._since.pop(sequence, None)
        while self._since:
            oldest, since_s = next(iter(self._since.items()))
            if now_s - since_s <= self._patience_s and len(self._since) <= MAX_MISSING:
                break
            del self._since[oldest]
        if not self._since or not (new or now_s - self._asked_s >= ASK_AGAIN_S):
            return False
        self._asked_s = now_s
        return True


def endure(receiver: RTCRtpReceiver, *, ask_for_sound: bool) -> None:
    """Put both parts into a receiver that has a track and has not started. What takes its frames must know of
    `Assembled.more`."""
    parts = vars(receiver)
    pictures = receiver.track.kind == "video"
    assert {"_RTCRtpReceiver__jitter_buffer", "_RTCRtpReceiver__nack_generator"} <= parts.keys()
    parts["_RTCRtpReceiver__jitter_buffer"] = PatientBuffer(pictures)
    if pictures or ask_for_sound:
        patience_s = PICTURE_PATIENCE_S if pictures else SOUND_PATIENCE_S
        parts["_RTCRtpReceiver__nack_generator"] = Reminder(patience_s)
