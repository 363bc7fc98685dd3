from __future__ import annotations

import asyncio
import threading
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiortc import RTCRtpReceiver
from aiortc.codecs import depayload
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtpPacket
from av import VideoFrame

from stream.webrtc.backlog import (
    KEY_PATIENCE_S,
    MAX_DECODED,
    DecodedFrames,
    EncodedFrames,
    bound,
    is_key_frame,
)
from stream.webrtc.key_frames import ASK_AT_MOST_EVERY_S, ASK_EVERY_S, Pictures
from stream.webrtc.loss import Assembled

VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=97)
KEY, INTER = b"\x10", b"\x11"
FRAMES = 300


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def backlog(clock: Clock, capacity: int = 5) -> tuple[EncodedFrames, list[float]]:
    asked: list[float] = []
    return EncodedFrames(capacity, lambda: asked.append(clock.now_s), clock), asked


def put(frames: EncodedFrames, data: bytes, name: str = "VP8") -> None:
    frames.put((SimpleNamespace(name=name), Assembled(data, 0)))


def drain(frames: EncodedFrames) -> list[bytes]:
    taken = []
    while len(frames):
        item = frames.get()
        assert item is not None
        taken.append(item[1].data)
    return taken


def picture(n: int) -> VideoFrame:
    frame = VideoFrame.from_ndarray(np.full((48, 64, 3), n % 256, np.uint8), format="rgb24")
    frame = frame.reformat(format="yuv420p")
    frame.pts, frame.time_base = 3000 * n, Fraction(1, 90_000)
    return frame


def test_a_slow_decoder_loses_pictures_up_to_the_next_key_frame_and_asks_for_one() -> None:
    clock = Clock()
    frames, asked = backlog(clock)
    for data in (KEY, INTER, INTER, INTER, INTER):
        put(frames, data)
    assert (len(frames), asked) == (5, [])
    for n in range(100):
        clock.now_s = n / 30
        put(frames, INTER)
    assert len(frames) == 0 and frames.dropped == 105
    # Asked at once, then every so often while none comes.
    assert asked[0] == 0.0 and np.diff(asked) == pytest.approx(ASK_EVERY_S, abs=0.04)
    put(frames, KEY)
    put(frames, INTER)
    assert drain(frames) == [KEY, INTER]


def test_a_sender_without_key_frames_is_decoded_again_after_a_while() -> None:
    clock = Clock()
    frames, _ = backlog(clock)
    for _ in range(6):
        put(frames, INTER)
    assert len(frames) == 0
    clock.now_s = KEY_PATIENCE_S + 0.1
    put(frames, INTER)
    assert drain(frames) == [INTER]


def test_sound_loses_its_oldest() -> None:
    frames, asked = backlog(Clock())
    for n in range(20):
        put(frames, bytes([n]), "opus")
    assert drain(frames) == [bytes([n]) for n in range(15, 20)] and asked == []


def test_key_frames_only_and_back() -> None:
    clock = Clock()
    frames, asked = backlog(clock, capacity=100)
    put(frames, KEY)
    frames.pictures = Pictures.KEY_FRAMES
    for n in range(1, 91):
        clock.now_s = n / 30
        put(frames, KEY if n % 30 == 0 else INTER)
    assert drain(frames) == [KEY, KEY, KEY, KEY] and frames.left_out == 87 and frames.dropped == 0
    assert asked == [], "a sender with a key frame a second need not be asked"
    put(frames, INTER)
    frames.pictures = Pictures.ALL
    put(frames, INTER)
    assert drain(frames) == [], "this one refers to frames that were not decoded"
    put(frames, KEY)
    put(frames, INTER)
    assert drain(frames) == [KEY, INTER]


def test_frames_that_cannot_be_decoded_do_not_each_ask_for_a_key_frame() -> None:
    """aiortc sent a picture loss indication for every one of them."""
    clock = Clock()
    frames, asked = backlog(clock, capacity=1000)
    put(frames, KEY)
    for n in range(300):
        clock.now_s = n / 30
        frames.decoder_failed()
        put(frames, INTER)
        frames.get()
    assert asked[0] < 0.1, "the first at once"
    assert np.diff(asked) == pytest.approx(ASK_EVERY_S, abs=0.04)
    put(frames, KEY)
    asked.clear()
    clock.now_s += 5.0
    put(frames, INTER)
    assert asked == [], "a key frame mends it"


def test_losses_of_any_kind_ask_once_a_second_at_most() -> None:
    clock = Clock()
    frames, asked = backlog(clock, capacity=3)
    for n in range(900):
        clock.now_s = n / 30
        if n % 7 == 0:
            frames.pictures = Pictures(n // 7 % 3)
        if n % 5 == 0:
            frames.decoder_failed()
        put(frames, KEY if n % 31 == 0 else INTER)
    assert len(asked) > 5 and min(np.diff(asked)) >= ASK_AT_MOST_EVERY_S


def test_the_end_does_not_wait_for_what_is_left() -> None:
    frames, _ = backlog(Clock())
    put(frames, KEY)
    frames.put(None)
    assert frames.get() is None


@pytest.mark.parametrize("name", ["VP8", "H264"])
def test_key_frames_are_known_from_their_bytes(name: str) -> None:
    encoder = Vp8Encoder() if name == "VP8" else H264Encoder()
    codec = RTCRtpCodecParameters(mimeType=f"video/{name}", clockRate=90_000, payloadType=97)
    kinds = []
    for n in range(8):
        payloads, _ = encoder.encode(picture(n), force_keyframe=n in (0, 5))
        kinds.append(is_key_frame(name, b"".join(depayload(codec, p) for p in payloads)))
    assert kinds == [n in (0, 5) for n in range(8)]
    assert not is_key_frame(name, b"")


def test_decoded_frames_keep_the_newest_and_end() -> None:
    async def scenario() -> None:
        frames = DecodedFrames(3)
        for n in range(10):
            await frames.put(picture(n))
        assert len(frames) == 3 and frames.dropped == 7
        await frames.put(None)
        taken = [await frames.get() for _ in range(4)]
        assert [f.pts // 3000 if f is not None and f.pts is not None else None for f in taken] == [
            7,
            8,
            9,
            None,
        ]

    asyncio.run(scenario())


class Transport:
    """As much of a DTLS transport as a receiver touches."""

    state = "connected"
    _stats_id = "scripted"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def _register_rtp_receiver(self, receiver: Any, parameters: Any) -> None: ...

    def _unregister_rtp_receiver(self, receiver: Any) -> None: ...

    async def _send_rtp(self, data: bytes) -> None:
        self.sent.append(data)


@pytest.mark.parametrize("slow", [False, True])
def test_a_track_nobody_reads_and_a_decoder_that_stalls_hold_few_frames(
    slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiortc's own receiver, fed ten seconds of packets at once. Without `bound` it kept all of them."""
    stalled = threading.Event()

    def stall() -> list[VideoFrame]:
        stalled.wait(10.0)
        return []

    if slow:
        monkeypatch.setattr(
            "aiortc.rtcrtpreceiver.get_decoder",
            lambda codec: SimpleNamespace(decode=lambda frame: stall()),
        )

    async def scenario() -> None:
        transport, encoder = Transport(), Vp8Encoder()
        receiver = RTCRtpReceiver("video", transport)  # type: ignore[arg-type]
        receiver._track = RemoteStreamTrack("video")
        receiver._set_rtcp_ssrc(1)
        encoded = bound(receiver)
        assert encoded is not None
        await receiver.receive(RTCRtpReceiveParameters(codecs=[VP8]))
        sequence, most = 0, 0
        for n in range(FRAMES):
            payloads, timestamp = encoder.encode(picture(n))
            for i, payload in enumerate(payloads):
                packet = RtpPacket(97, i == len(payloads) - 1, sequence, timestamp, 2, payload)
                await receiver._handle_rtp_packet(packet, arrival_time_ms=n)
                sequence += 1
            most = max(most, len(encoded))
            if n % 10 == 0:
                await asyncio.sleep(0.002)
        waiting: Any = receiver._track._queue
        assert most <= 30 and len(waiting) <= MAX_DECODED["video"]
        if slow:
            assert encoded.dropped > FRAMES / 2
            pli = [data for data in transport.sent if data[0] & 0x1F == 1 and data[1] == 206]
            assert pli, "the sender is asked for a key frame"
        else:
            assert waiting.dropped > FRAMES / 2
        stalled.set()
        await receiver.stop()

    asyncio.run(scenario())


def test_a_receiver_without_a_track_is_left_alone() -> None:
    async def scenario() -> None:
        assert bound(RTCRtpReceiver("audio", Transport())) is None  # type: ignore[arg-type]

    asyncio.run(scenario())
