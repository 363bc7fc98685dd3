"""A WAV file on disk, written block by block: 24-bit, or float where nothing may be cut off.

    with WavFile(path) as out:
        out.write(block)            # float32 (n, 2)

24 bits need no dither: rounding is 144 dB under full scale, far under what any loudspeaker hisses. The sizes
in the header are written when the file is closed, and whenever `flush` asks, so that a recording which is cut
short by a power failure still opens.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

import numpy as np

from stream.errors import StreamError
from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Block

Encoding = Literal["pcm24", "float"]
_SAMPLE_BYTES: dict[Encoding, int] = {"pcm24": 3, "float": 4}
_FORMAT: dict[Encoding, int] = {"pcm24": 1, "float": 3}
_MOST_BYTES = 0xFFFFFFFF - 64
"""RIFF sizes have 32 bits: four hours of 24-bit stereo."""
_FULL = float(2**23 - 1)

LONGEST_S = _MOST_BYTES // (SAMPLE_RATE_HZ * CHANNELS * 4)
"""Seconds that fit into a file, in either encoding."""


class WavError(StreamError):
    """The file cannot hold what was asked of it."""


class WavFile:
    """48 kHz stereo. Use it as a context manager, or call `close`."""

    def __init__(self, path: Path, encoding: Encoding = "pcm24") -> None:
        """Raises OSError when `path` cannot be written."""
        self._encoding: Encoding = encoding
        self._bytes = 0
        self._file = path.open("wb")
        self._file.write(self._header())

    def __enter__(self) -> WavFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, block: Block) -> None:
        """Append float32 (n, 2). In 24 bits, what is over full scale is cut off there.

        Raises:
            WavError: the file would grow over the 4 GB its sizes can say.
        """
        if self._encoding == "float":
            data = np.ascontiguousarray(block, dtype="<f4").tobytes()
        else:
            whole = np.rint(np.clip(block, -1.0, 1.0).astype(np.float64) * _FULL).astype("<i4")
            data = whole.reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        if self._bytes + len(data) > _MOST_BYTES:
            raise WavError("A WAV file holds at most 4 GB.")
        self._file.write(data)
        self._bytes += len(data)

    def flush(self) -> None:
        """Make what was written so far a complete file."""
        self._file.seek(0)
        self._file.write(self._header())
        self._file.seek(0, 2)
        self._file.flush()

    def close(self) -> None:
        """May be called twice."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def _header(self) -> bytes:
        width = _SAMPLE_BYTES[self._encoding]
        frame = CHANNELS * width
        form = (_FORMAT[self._encoding], CHANNELS, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * frame, frame, 8 * width)
        chunks = struct.pack("<4sIHHIIHH", b"fmt ", 16, *form)
        if self._encoding == "float":  # floats want a fact chunk, and say that their format has no extension
            chunks = struct.pack("<4sIHHIIHHH", b"fmt ", 18, *form, 0)
            chunks += struct.pack("<4sII", b"fact", 4, self._bytes // frame)
        head = struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + 8 + self._bytes, b"WAVE") + chunks
        return head + struct.pack("<4sI", b"data", self._bytes)
