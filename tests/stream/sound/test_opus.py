from __future__ import annotations

import av
import numpy as np
from av import Packet
from av.audio.codeccontext import AudioCodecContext

from stream.sound.opus import TIME_BASE, OpusEncoder, encode_silence, packet_of


def decoded(payloads: list[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    codec = av.CodecContext.create("libopus", "r")
    assert isinstance(codec, AudioCodecContext)
    codec.format, codec.layout, codec.sample_rate = "s16", "stereo", 48_000
    frames = [frame for payload in payloads for frame in codec.decode(Packet(payload))]
    return np.concatenate([f.to_ndarray().reshape(-1, 2) for f in frames]).astype(np.float64) / 32768


def test_stereo_survives_and_the_rate_is_as_asked() -> None:
    encoder, payloads = OpusEncoder(128_000), []
    phase = 2 * np.pi * np.arange(960 * 100) / 48_000
    pcm = np.stack([0.5 * np.sin(440 * phase), 0.1 * np.sin(660 * phase)], axis=1).astype(np.float32)
    for i in range(100):
        packet = encoder.encode(pcm[960 * i : 960 * (i + 1)], 7 + 960 * i)
        assert (packet.pts, packet.time_base) == (7 + 960 * i, TIME_BASE)
        payloads.append(bytes(packet))
    back = decoded(payloads)[4800:]
    rms = np.sqrt(2 * np.mean(back**2, axis=0))
    assert np.allclose(rms, [0.5, 0.1], rtol=0.05)
    assert 0.8 * 128_000 < sum(map(len, payloads)) * 8 / 2.0 < 1.1 * 128_000


def test_a_skip_in_our_clock_does_not_trouble_the_codec() -> None:
    encoder = OpusEncoder(64_000)
    block = np.zeros((960, 2), np.float32)
    assert [encoder.encode(block, pts).pts for pts in (0, 960, 480_000, 480_960)] == [
        0,
        960,
        480_000,
        480_960,
    ]


def test_silence_is_silent_and_can_be_stamped() -> None:
    payload = encode_silence()
    assert np.abs(decoded([payload] * 5)).max() < 1e-3
    packet = packet_of(payload, 1920)
    assert packet.pts == 1920 and bytes(packet) == payload
