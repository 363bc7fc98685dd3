"""Damaged video into aiortc's own receiver and decoder, and whatever comes out of it into the sensor."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from aiortc import RTCRtpReceiver
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import RtpPacket
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from sensor.motion import Motion
from sensor.picture import Shrinker
from stream.latest_frame import LatestFrame
from stream.webrtc.backlog import MAX_DECODED, MAX_ENCODED, bound, is_key_frame
from stream.webrtc.loss import CAPACITY, PatientBuffer
from tests.fuzz.damage import damaged_bytes
from tests.fuzz.effort import count, fuzz
from tests.stream.webrtc.test_backlog import Transport

CODECS = {
    name: RTCRtpCodecParameters(mimeType=f"video/{name}", clockRate=90_000, payloadType=97)
    for name in ("VP8", "H264")
}
CODECS["H264"].parameters = {"packetization-mode": "1", "profile-level-id": "42e01f"}
SIZES = ((64, 48), (160, 90), (32, 32), (96, 128))
"""One after the other: the resolution changes in mid-stream."""


def picture(n: int, size: tuple[int, int]) -> VideoFrame:
    rng = np.random.default_rng(n)
    rgb = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    frame = VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = 3000 * n, Fraction(1, 90_000)
    return frame


@functools.cache
def stream_of(name: str) -> tuple[tuple[int, tuple[bytes, ...]], ...]:
    """RTP payloads by frame: three frames of each size."""
    frames: list[tuple[int, tuple[bytes, ...]]] = []
    for size in SIZES:
        encoder = Vp8Encoder() if name == "VP8" else H264Encoder()
        for _ in range(3):
            payloads, timestamp = encoder.encode(picture(len(frames), size))
            frames.append((timestamp, tuple(payloads)))
    return tuple(frames)


class Sent:
    """Packets into one receiver until the block ends; then it must still decode what is whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.receiver = RTCRtpReceiver("video", Transport())  # type: ignore[arg-type]
        self.receiver._track = RemoteStreamTrack("video")
        self.receiver._set_rtcp_ssrc(1)
        self.encoded = bound(self.receiver)
        self.sequence = 0

    async def send(self, payload: bytes, marker: bool, timestamp: int, sequence: int | None = None) -> None:
        number = self.sequence if sequence is None else sequence
        packet = RtpPacket(97, marker, number % 65536, timestamp % 2**32, 2, payload)
        await self.receiver._handle_rtp_packet(packet, arrival_time_ms=0)
        self.sequence += 1


async def play(name: str, data: st.DataObject) -> list[VideoFrame]:
    sent = Sent(name)
    await sent.receiver.receive(RTCRtpReceiveParameters(codecs=[CODECS[name]]))
    worker: Any = vars(sent.receiver)["_RTCRtpReceiver__decoder_thread"]
    assert isinstance(worker, threading.Thread)
    try:
        await send_damaged(sent, data)
        assert worker.is_alive(), "the decoder's thread has died"
        return await decode_whole(sent)
    finally:
        await sent.receiver.stop()
        await asyncio.sleep(0)
        assert not worker.is_alive()


async def send_damaged(sent: Sent, data: st.DataObject) -> None:
    for timestamp, payloads in stream_of(sent.name):
        damage = data.draw(st.sampled_from(["none", "none", "bytes", "lost", "order", "time", "number"]))
        for i, whole in enumerate(payloads):
            payload, marker, number, when = whole, i == len(payloads) - 1, None, timestamp
            match damage:
                case "bytes":
                    payload = data.draw(damaged_bytes(payload))
                case "lost" if data.draw(st.booleans()):
                    sent.sequence += 1
                    continue
                case "order":
                    marker = data.draw(st.booleans())
                case "time":
                    when = data.draw(st.integers(0, 2**32 - 1))
                case "number":
                    number = data.draw(st.integers(0, 65535))
            await sent.send(payload, marker, when, number)
        assert sent.encoded is not None and len(sent.encoded) <= MAX_ENCODED["video"]


async def decode_whole(sent: Sent) -> list[VideoFrame]:
    """Everything decoded until a picture of a new, whole stream is among it."""
    frames: list[VideoFrame] = []
    queue: Any = sent.receiver._track._queue  # type: ignore[union-attr]
    for attempt in range(200):
        encoder = Vp8Encoder() if sent.name == "VP8" else H264Encoder()
        payloads, _ = encoder.encode(picture(1, (48, 48)), force_keyframe=True)
        sent.sequence += 600  # beyond what the jitter buffer keeps: as after a long loss
        for n in range(3):
            for i, payload in enumerate(payloads):
                await sent.send(payload, i == len(payloads) - 1, 4_000_000_000 + 30_000 * attempt + 3000 * n)
        await asyncio.sleep(0.002)
        assert len(queue) <= MAX_DECODED["video"]
        while len(queue):
            frame = await queue.get()
            assert isinstance(frame, VideoFrame)
            frames.append(frame)
        if frames and frames[-1].width == 48:
            return frames
    pytest.fail("a whole stream is not decoded after a damaged one")


@pytest.mark.parametrize("name", sorted(CODECS))
@fuzz(12)
@given(st.data())
def test_a_damaged_stream_neither_kills_the_decoder_nor_the_sensor(name: str, data: st.DataObject) -> None:
    count(f"{name} streams")
    logging.getLogger("aiortc").setLevel(logging.ERROR)
    frames = asyncio.run(play(name, data))
    slot, shrinker, motion = LatestFrame(), Shrinker(64), Motion()
    for n, frame in enumerate(frames):
        slot.put(frame, float(n))
        arrival = slot.take()
        assert arrival is not None
        small = shrinker.shrink(arrival.frame)
        if small is not None:
            assert 0.0 <= small.confidence <= 1.0 and small.rgb.shape[:2] == (64, 64)
            assert -0.3 <= motion.add(small.luma, arrival.t_s, False, False) <= 0.55


@pytest.mark.parametrize("name", sorted(CODECS))
def test_a_packet_of_padding_does_not_end_the_picture(name: str) -> None:
    """Found by the test above: FFmpeg takes an empty frame for the end, and no picture came ever after."""

    async def scenario() -> None:
        sent = Sent(name)
        await sent.receiver.receive(RTCRtpReceiveParameters(codecs=[CODECS[name]]))
        try:
            for n, (timestamp, payloads) in enumerate(stream_of(name)):
                for i, payload in enumerate(payloads):
                    await sent.send(b"" if n == 4 else payload, i == len(payloads) - 1, timestamp)
            assert (await decode_whole(sent))[-1].width == 48
        finally:
            await sent.receiver.stop()
            await asyncio.sleep(0)

    asyncio.run(scenario())


@fuzz(200)
@given(st.sampled_from(sorted(CODECS)), st.binary(max_size=200))
def test_any_bytes_are_a_key_frame_or_not(name: str, data: bytes) -> None:
    count("key frames")
    assert isinstance(is_key_frame(name, data), bool)
    assert isinstance(is_key_frame(name, b"\0\0\1" + data), bool)


PACKETS = st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.booleans(), st.binary(max_size=9))


@fuzz(100)
@given(
    st.lists(PACKETS | st.tuples(st.integers(0, 40), st.integers(0, 3), st.booleans(), st.binary(max_size=9)))
)
def test_packets_of_any_number_and_time_are_bounded(packets: list[tuple[int, int, bool, bytes]]) -> None:
    buffer, out = PatientBuffer(pictures=True), 0
    for number, timestamp, marker, payload in packets:
        count("RTP packets")
        packet: Any = RtpPacket(97, marker, number, timestamp, 2, payload)
        packet._data = payload
        _, frame = buffer.add(packet)
        out += 0 if frame is None else sum(len(one.data) for one in [frame, *frame.more])
        assert len(buffer) <= CAPACITY
    assert out <= sum(len(payload) for *_, payload in packets)
