"""The bounded ring of PCM between a composer process and the outgoing track.

One writer, one reader, no lock between them. The ring is interleaved stereo: two rings, one per channel,
drift apart after an underrun. When it is full the writer waits; when it is empty the reader fades out.
"""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from stream.ports import CHANNELS, Block

_WRITTEN, _READ = 0, 8  # in 64-bit words: one cache line each
_HEADER_BYTES = 128


class AudioRing:
    """A ring of `capacity` stereo float32 samples in memory that both sides can see.

    The counters are 64-bit totals, each stored by one side only, in one aligned word; they never wrap in
    practice, so full and empty need no spare slot.
    """

    def __init__(self, memory: memoryview, capacity: int) -> None:
        """`memory` holds at least `bytes_for(capacity)` bytes; new memory must be zero."""
        if capacity < 1 or len(memory) < self.bytes_for(capacity):
            raise ValueError(f"a ring of {capacity} samples needs {self.bytes_for(capacity)} bytes")
        self.capacity = capacity
        self._counters: npt.NDArray[np.int64] = np.frombuffer(memory, np.int64, _HEADER_BYTES // 8)
        self._samples: Block = np.frombuffer(
            memory, np.float32, capacity * CHANNELS, offset=_HEADER_BYTES
        ).reshape(capacity, CHANNELS)
        self._barrier = threading.Lock()

    @staticmethod
    def bytes_for(capacity: int) -> int:
        return _HEADER_BYTES + capacity * CHANNELS * 4

    @property
    def written(self) -> int:
        """Samples ever written."""
        return int(self._counters[_WRITTEN])

    @property
    def read_so_far(self) -> int:
        """Samples ever read: the index of the next sample to leave."""
        return int(self._counters[_READ])

    @property
    def available(self) -> int:
        return self.written - self.read_so_far

    @property
    def space(self) -> int:
        return self.capacity - self.available

    def write(self, block: Block) -> int:
        """Copy in as much of `block` (n, 2) as fits; returns how many samples that was."""
        written = self.written
        count = min(len(block), self.capacity - (written - self.read_so_far))
        start = written % self.capacity
        first = min(count, self.capacity - start)
        self._samples[start : start + first] = block[:first]
        self._samples[: count - first] = block[first:count]
        self._fence()
        self._counters[_WRITTEN] = written + count
        return count

    def read(self, count: int) -> Block:
        """Take out at most `count` samples; shorter when the ring holds less."""
        read = self.read_so_far
        count = min(count, self.written - read)
        self._fence()
        start = read % self.capacity
        first = min(count, self.capacity - start)
        block = np.empty((count, CHANNELS), np.float32)
        block[:first] = self._samples[start : start + first]
        block[first:] = self._samples[: count - first]
        self._fence()
        self._counters[_READ] = read + count
        return block

    def _fence(self) -> None:
        # The other process must not see a counter before the samples it vouches for. Two lock cycles in
        # a row are a full barrier: nothing moves past the release of the first and the take of the second.
        for _ in range(2):
            with self._barrier:
                pass

    def release(self) -> None:
        """Let go of the memory, so that it can be closed. The ring is dead afterwards."""
        self._counters = np.zeros(_HEADER_BYTES // 8, np.int64)
        self._samples = np.zeros((0, CHANNELS), np.float32)
