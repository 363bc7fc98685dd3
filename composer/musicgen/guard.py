"""Hears when the model has lost the music: it faded out and stays silent, or its level spirals upward.

Both are reported of MusicGen continued for long. The way out of either is to begin again on a context that
is too short to hold the fault; the codec goes on, so there is no seam in the sound.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SILENT_FRAMES = 100
"""Two seconds: longer than a rest, shorter than a viewer's patience."""
LOUD_FRAMES = 250
_SILENT = 10.0 ** (-56.0 / 20.0)
_LOUD = 10.0 ** (-4.0 / 20.0)
"""RMS of a frame. Music mastered without mercy is near -8 dBFS; a full-scale sine is at -3."""


class Guard:
    """Counts frames that are too quiet or too loud, in a row."""

    def __init__(self) -> None:
        self.silent = 0
        self.loud = 0

    def hear(self, frame: npt.NDArray[np.float32]) -> str:
        """Why to begin again: "silence", "level", or nothing. Then counting starts anew."""
        rms = float(np.sqrt(np.mean(np.square(frame, dtype=np.float64))))
        self.silent = self.silent + 1 if rms < _SILENT else 0
        self.loud = self.loud + 1 if rms > _LOUD else 0
        if self.silent >= SILENT_FRAMES:
            self.silent = 0
            return "silence"
        if self.loud >= LOUD_FRAMES:
            self.loud = 0
            return "level"
        return ""
