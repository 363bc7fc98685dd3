"""PCM as other programs take it: int16, and a WAV header for a stream whose end nobody knows."""

from __future__ import annotations

import struct

import numpy as np

from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Block

SAMPLE_BYTES = 2
_FRAME_BYTES = CHANNELS * SAMPLE_BYTES
_UNKNOWN = 0xFFFFFFFF
"""The size players take for "until the connection ends"."""


def pcm_bytes(block: Block) -> bytes:
    """float32 (n, 2), full scale 1, to interleaved little-endian int16."""
    pcm: bytes = np.rint(np.clip(block, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    return pcm


def live_header() -> bytes:
    """44 bytes: 48 kHz stereo int16, of unknown length."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        _UNKNOWN,
        b"WAVE",
        b"fmt ",
        16,
        1,
        CHANNELS,
        SAMPLE_RATE_HZ,
        SAMPLE_RATE_HZ * _FRAME_BYTES,
        _FRAME_BYTES,
        8 * SAMPLE_BYTES,
        b"data",
        _UNKNOWN,
    )
