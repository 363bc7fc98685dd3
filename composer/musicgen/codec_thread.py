"""The codec on a thread of its own: a frame is decoded on the second core while the next step runs.

The sound of a frame is handed out one exchange after its codes were given, however fast the thread was: so
what is played does not depend on the machine, only when.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from composer.musicgen.codec import CodecStream

Mono = npt.NDArray[np.float32]

_AHEAD = "ahead"


class CodecThread:
    """One stream at a time, called from one thread. Every call waits for the frame under way.

    The thread ends when this object is let go.
    """

    def __init__(self, codec: CodecStream) -> None:
        self._codec = codec
        # One thread in torch too: its helpers would wait beside the decoder's.
        self._thread = ThreadPoolExecutor(1, "codec", initializer=torch.set_num_threads, initargs=(1,))
        self._coming: Future[Mono] | None = None
        self._decided: Mono = np.zeros(0, np.float32)
        """What the codes given last have decided, once known."""

    def begin(self) -> None:
        """Forget the stream: the next frame is a first one."""
        self._settle()
        self._codec.begin()
        self._decided = np.zeros(0, np.float32)

    def exchange(self, codes: npt.NDArray[np.int64]) -> Mono:
        """Codes (frames, K) in; the samples at 32 kHz that the codes before them decided, (n,)."""
        self._settle()
        before, self._decided = self._decided, np.zeros(0, np.float32)
        self._coming = self._thread.submit(self._codec.push, codes)
        return before

    def _settle(self) -> None:
        if self._coming is not None:
            coming, self._coming = self._coming, None
            self._decided = coming.result()

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """All that is held back, for `load`."""
        self._settle()
        return {**self._codec.save(), _AHEAD: self._decided}

    def load(self, kept: dict[str, npt.NDArray[Any]]) -> None:
        """Go on exactly from a `save`."""
        self._settle()
        self._codec.load({name: value for name, value in kept.items() if name != _AHEAD})
        self._decided = np.array(kept[_AHEAD], np.float32)
