"""Sound as a picture: level over time and pitch, collected while the sound goes by.

    picture = Spectrogram(samples, columns=1400)
    picture.add(block)                  # float32 (n, 2), 48 kHz, one after the other
    picture.show(axes)                  # axes of matplotlib

Bands are spaced evenly in pitch from 40 Hz to 16 kHz. However long the sound, the picture keeps its size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stream.ports import SAMPLE_RATE_HZ, Block

FRAME = 4096
BANDS = 200
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 16_000.0
_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_RANGE_DB = 70.0
_EDGES = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, BANDS + 1) * FRAME / SAMPLE_RATE_HZ
_LOW = np.floor(_EDGES[:-1]).astype(int)
_HIGH = np.maximum(np.ceil(_EDGES[1:]).astype(int), _LOW + 1)

Levels = npt.NDArray[np.float32]
"""dB, shape (BANDS, columns)."""


def band_levels(frames: npt.NDArray[np.float32]) -> Levels:
    """Levels of mono frames (columns, FRAME), full scale 1."""
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1)) ** 2
    total = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    banded = (total[:, _HIGH] - total[:, _LOW]) / (_HIGH - _LOW)
    return np.asarray(10.0 * np.log10(banded.T + 1e-7), dtype=np.float32)


def show_levels(axes: Any, levels: Levels, length_s: float, peak_db: float | None = None) -> None:
    """Draw `levels` into `axes` (matplotlib), 70 dB down from `peak_db`, or from their own highest."""
    peak = float(levels.max()) if peak_db is None else peak_db
    axes.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=peak - _RANGE_DB,
        vmax=peak,
        extent=(0.0, length_s, 0.0, 1.0),
    )
    span = np.log(_HIGHEST_HZ / _LOWEST_HZ)
    axes.set_yticks(
        [float(np.log(hz / _LOWEST_HZ) / span) for hz in _TICKS_HZ], [f"{hz:,} Hz" for hz in _TICKS_HZ]
    )
    axes.set(xlim=(0.0, length_s), ylim=(0.0, 1.0))


class Spectrogram:
    """Takes a frame every so often out of a sound of known length."""

    def __init__(self, samples: int, columns: int) -> None:
        self._length_s = samples / SAMPLE_RATE_HZ
        self._hop = max(samples // columns, 256)
        self._waiting = np.zeros(FRAME // 2, dtype=np.float32)
        """Mono; begins half a frame early, so that a column shows what is around its time."""
        self._skip = 0
        self._columns: list[Levels] = []

    def add(self, block: Block) -> None:
        self._waiting = np.concatenate([self._waiting, block.mean(axis=1)])
        self._take()

    def levels(self) -> Levels:
        """Of everything added so far; its end counts as followed by silence."""
        self._waiting = np.concatenate([self._waiting, np.zeros(FRAME // 2, dtype=np.float32)])
        self._take()
        if not self._columns:
            return band_levels(np.zeros((1, FRAME), dtype=np.float32))
        return np.concatenate(self._columns, axis=1)

    def show(self, axes: Any, peak_db: float | None = None) -> None:
        show_levels(axes, self.levels(), self._length_s, peak_db)

    def _take(self) -> None:
        while True:
            skipped = min(self._skip, len(self._waiting))
            self._waiting, self._skip = self._waiting[skipped:], self._skip - skipped
            if self._skip or len(self._waiting) < FRAME:
                return
            self._columns.append(band_levels(self._waiting[None, :FRAME]))
            self._skip = self._hop
