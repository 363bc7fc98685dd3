"""The codec on a thread of its own: two frames are decoded on the second core while the next two steps run.

Two at once, because most of the work is reading weights. The sound of a frame is handed out a fixed number of
exchanges after its codes were given, however fast the thread was: so what is played does not depend on the
machine, only when.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from composer.musicgen.codec import CodecStream
from composer.musicgen.geometry import HOP

Mono = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

FRAMES_A_CALL = 2
HELD_FRAMES = 2 * FRAMES_A_CALL - 1
"""A frame waits for its call to be full, and its sound for the next call."""
_OURS = _AHEAD, _COMING, _WAITING = "ahead", "coming", "waiting"


def second_core() -> ThreadPoolExecutor:
    """A thread for the codec, and for whoever can use what it leaves of the second core."""
    # One thread in torch too: its helpers would wait beside the decoder's.
    return ThreadPoolExecutor(1, "second core", initializer=torch.set_num_threads, initargs=(1,))


class CodecThread:
    """One stream at a time, called from one thread. Every call waits for the frame under way.

    The thread is one of its own unless it is given one, and ends when nobody holds it.
    """

    def __init__(self, codec: CodecStream, thread: ThreadPoolExecutor | None = None) -> None:
        self._codec = codec
        self._thread = thread or second_core()
        self._coming: Future[Mono] | None = None
        self._forget()

    def begin(self) -> None:
        """Forget the stream: the next frame is a first one."""
        self._settle()
        self._codec.begin()
        self._forget()

    def _forget(self) -> None:
        self._decided: Mono = np.zeros(0, np.float32)
        """Not handed out yet."""
        self._waiting: list[Codes] = []

    def exchange(self, codes: Codes) -> Mono:
        """The codes of a frame (K,) in, `HOP` samples at 32 kHz out; none while the stream begins."""
        self._waiting.append(codes)
        if len(self._waiting) == FRAMES_A_CALL:
            self._settle()
            self._coming = self._thread.submit(self._codec.push, np.stack(self._waiting))
            self._waiting = []
        due = HOP if len(self._decided) >= HOP else 0
        samples, self._decided = self._decided[:due], self._decided[due:]
        return samples

    def _settle(self) -> None:
        if self._coming is not None:
            coming, self._coming = self._coming, None
            self._decided = np.concatenate([self._decided, coming.result()])

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """All that is held back, for `load`."""
        held: dict[str, npt.NDArray[Any]] = {_AHEAD: self._decided}
        if self._coming is not None:
            held[_COMING] = self._coming.result()
        if self._waiting:
            held[_WAITING] = np.stack(self._waiting)
        return {**self._codec.save(), **held}

    def load(self, kept: dict[str, npt.NDArray[Any]]) -> None:
        """Go on exactly from a `save`."""
        self._settle()
        self._codec.load({name: value for name, value in kept.items() if name not in _OURS})
        self._decided = np.array(kept[_AHEAD], np.float32)
        self._waiting = list(kept.get(_WAITING, ()))
        if _COMING in kept:
            self._coming = Future()
            self._coming.set_result(np.array(kept[_COMING], np.float32))
