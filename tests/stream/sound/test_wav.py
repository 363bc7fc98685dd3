from __future__ import annotations

import io

import av
import numpy as np

from stream.sound.wav import live_header, pcm_bytes


def test_full_scale_is_full_scale_and_no_more() -> None:
    block = np.array([[0.0, 1.0], [-1.0, 0.5], [2.0, -2.0]], np.float32)
    assert np.frombuffer(pcm_bytes(block), "<i2").tolist() == [0, 32767, -32767, 16384, 32767, -32767]


def test_a_reader_plays_a_stream_of_unknown_length() -> None:
    block = (np.arange(9600, dtype=np.float32).reshape(-1, 2) % 100) / np.float32(100)
    with av.open(io.BytesIO(live_header() + pcm_bytes(block)), "r") as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels, stream.codec.name) == (48_000, 2, "pcm_s16le")
        pcm = np.concatenate([f.to_ndarray().reshape(-1) for f in container.decode(audio=0)])
    assert pcm.tobytes() == pcm_bytes(block)
