"""One Opus encode per session, in music mode."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

import av
import numpy as np
from av import AudioFrame, Packet
from av.audio.codeccontext import AudioCodecContext

from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Block
from stream.sound.playout import PLAYOUT_SAMPLES

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

    OpusPacket: TypeAlias = Packet[AudioStream]
else:
    OpusPacket = Packet

TIME_BASE = Fraction(1, SAMPLE_RATE_HZ)
COMPLEXITY = "5"
"""Of 0 to 10. The highest spends half as much time again on finding passages that deserve more bits."""


class OpusEncoder:
    """Stereo float32 at 48 kHz to 20 ms Opus packets. Owned by one thread."""

    def __init__(self, bit_rate: int) -> None:
        codec = av.CodecContext.create("libopus", "w")
        assert isinstance(codec, AudioCodecContext)
        codec.bit_rate = bit_rate
        codec.format = "flt"
        codec.layout = "stereo"
        codec.sample_rate = SAMPLE_RATE_HZ
        codec.time_base = TIME_BASE
        codec.options = {
            "application": "audio",
            "frame_duration": "20",
            "vbr": "constrained",
            "compression_level": COMPLEXITY,
        }
        self._codec = codec
        self._count = 0

    def encode(self, block: Block, pts: int) -> OpusPacket:
        """`block` is (960, 2); the packet carries `pts`, its sample clock, in 1/48000 s."""
        frame = AudioFrame(format="flt", layout="stereo", samples=PLAYOUT_SAMPLES)
        frame.planes[0].update(np.ascontiguousarray(block, np.float32).tobytes())
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = TIME_BASE
        # The codec wants its own unbroken clock; ours may skip.
        frame.pts = self._count * PLAYOUT_SAMPLES
        self._count += 1
        (packet,) = self._codec.encode(frame)
        packet.pts = packet.dts = pts
        packet.time_base = TIME_BASE
        return packet


def encode_silence() -> bytes:
    """One packet of silence, for when the encoder has nothing in time."""
    encoder = OpusEncoder(32_000)
    silence = np.zeros((PLAYOUT_SAMPLES, CHANNELS), np.float32)
    return [bytes(encoder.encode(silence, 0)) for _ in range(4)][-1]


def packet_of(payload: bytes, pts: int) -> OpusPacket:
    packet: Packet[Any] = Packet(payload)
    packet.pts = packet.dts = pts
    packet.time_base = TIME_BASE
    return packet
