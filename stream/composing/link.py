"""The shared memory between a session and its composer process: PCM one way, affect the other."""

from __future__ import annotations

import os
import secrets
import struct
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import numpy.typing as npt

from stream.composing.audio_ring import AudioRing

_WORDS = 16  # two cache lines before the ring
_AFFECT, _HEARTBEAT = 0, 8
_PAIR = struct.Struct("=ff")
_WORD = struct.Struct("=q")


def _attach(name: str) -> SharedMemory:
    """Open a segment that another process owns, without our resource tracker adopting it.

    Before Python 3.13 attaching registers the segment as if it were ours: it would be registered again
    after its owner has unlinked it, and reported as leaked.
    """
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    register = resource_tracker.register
    resource_tracker.register = lambda name, rtype: None
    try:
        return SharedMemory(name)
    finally:
        resource_tracker.register = register


class ComposerLink:
    """One session's segment. The session creates and unlinks it; each of its composers attaches in turn.

    Affect is two float32 in one aligned 64-bit word: the newest wins and a read is never torn, so neither
    side ever waits. The heartbeat is a counter of the composer's main loop.
    """

    def __init__(self, segment: SharedMemory, capacity: int, owner: bool) -> None:
        self._segment = segment
        self._owner = owner
        self._closed = False
        memory = segment.buf
        assert memory is not None
        self._words: npt.NDArray[np.int64] = np.frombuffer(memory, np.int64, _WORDS)
        self.ring = AudioRing(memory[_WORDS * 8 :], capacity)

    @classmethod
    def create(cls, capacity: int) -> ComposerLink:
        """A new segment whose ring holds `capacity` samples."""
        size = _WORDS * 8 + AudioRing.bytes_for(capacity)
        # Says whose it is; macOS allows 30 characters.
        name = f"narrascore-{os.getpid()}-{secrets.token_hex(4)}"
        return cls(SharedMemory(name, create=True, size=size), capacity, owner=True)

    @classmethod
    def attach(cls, name: str, capacity: int) -> ComposerLink:
        """Raises FileNotFoundError when the session has gone."""
        return cls(_attach(name), capacity, owner=False)

    @property
    def name(self) -> str:
        return self._segment.name

    @property
    def affect(self) -> tuple[float, float]:
        """(valence, arousal), rounded to float32."""
        valence, arousal = _PAIR.unpack(_WORD.pack(int(self._words[_AFFECT])))
        return valence, arousal

    @affect.setter
    def affect(self, pair: tuple[float, float]) -> None:
        self._words[_AFFECT] = _WORD.unpack(_PAIR.pack(*pair))[0]

    @property
    def heartbeat(self) -> int:
        return int(self._words[_HEARTBEAT])

    def beat(self) -> None:
        """Called by the composer process only."""
        self._words[_HEARTBEAT] += 1

    def close(self) -> None:
        """Let go; the owner also frees the memory. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._words = np.zeros(_WORDS, np.int64)
        self.ring.release()
        self._segment.close()
        if self._owner:
            self._segment.unlink()
