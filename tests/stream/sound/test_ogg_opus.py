"""The Ogg stream, judged by a demuxer and decoder that are not ours."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest

from stream.ports import SAMPLE_RATE_HZ
from stream.sound.ogg_opus import PRE_SKIP_SAMPLES, OggOpus
from stream.sound.opus import OpusEncoder


def tone(packets: int) -> list[bytes]:
    encoder = OpusEncoder(128_000)
    t = np.arange(packets * 960) / SAMPLE_RATE_HZ
    left = 0.5 * np.sin(2 * np.pi * 440 * t)
    pcm = np.stack([left, left / 2], axis=1).astype(np.float32).reshape(packets, 960, 2)
    return [bytes(encoder.encode(block, 960 * n)) for n, block in enumerate(pcm)]


def stream(packets: list[bytes]) -> bytes:
    ogg = OggOpus(7, "NarraScore Live: live")
    return ogg.headers() + b"".join(ogg.packet(packet) for packet in packets) + ogg.end()


def test_a_decoder_hears_what_was_encoded() -> None:
    with av.open(io.BytesIO(stream(tone(100))), "r") as container:
        assert container.format.name == "ogg" and container.streams.audio[0].codec.name == "opus"
        title = {**container.metadata, **container.streams.audio[0].metadata}
        pcm = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert pcm.shape == (2, 100 * 960 - PRE_SKIP_SAMPLES)
    left, right = (np.abs(np.fft.rfft(channel)) for channel in pcm)
    assert abs(left.argmax() * SAMPLE_RATE_HZ / pcm.shape[1] - 440) < 2
    assert right.max() == pytest.approx(left.max() / 2, rel=0.05)
    assert {key.lower(): value for key, value in title.items()}["title"] == "NarraScore Live: live"


def test_packets_that_never_came_leave_no_hole() -> None:
    packets = tone(60)
    with av.open(io.BytesIO(stream(packets[:20] + packets[40:])), "r") as container:
        times = [p.pts for p in container.demux(audio=0) if p.size]
    assert len(times) == 40 and set(np.diff(np.array(times))) == {960}


@pytest.mark.parametrize("size", [0, 1, 254, 255, 256, 510, 1275])
def test_any_packet_size_comes_back_whole(size: int) -> None:
    page = OggOpus(1, "").packet(bytes(size))
    segments = page[26]
    assert len(page) == 27 + segments + size
    assert sum(page[27 : 27 + segments]) == size and page[26 + segments] < 255


def test_pages_are_numbered_and_each_checksum_holds() -> None:
    """The checksum by another route: the remainder of the page as one long polynomial."""
    ogg = OggOpus(3, "x")
    for number, page in enumerate([*_pages(ogg.headers()), ogg.packet(b"abc"), ogg.end()]):
        assert struct.unpack("<I", page[18:22]) == (number,)
        blank = page[:22] + bytes(4) + page[26:]
        remainder = int.from_bytes(blank, "big") << 32
        divisor = 0x104C11DB7
        while remainder.bit_length() > 32:
            remainder ^= divisor << (remainder.bit_length() - 33)
        assert struct.unpack("<I", page[22:26]) == (remainder,)


def _pages(data: bytes) -> list[bytes]:
    return [b"OggS" + rest for rest in data.split(b"OggS")[1:]]
