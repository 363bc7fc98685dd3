"""How loud the music is, for the page's meters."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from stream.ports import Block

FLOOR_DB = -120.0
RMS_WINDOW_S = 0.3
PEAK_FALL_DB_PER_S = 20.0


class Levels(NamedTuple):
    """dB relative to full scale, not below `FLOOR_DB`."""

    rms_db: float
    peak_db: float


class LevelMeter:
    """RMS smoothed over `RMS_WINDOW_S` (exponentially); peak with a slow fall."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._power = 0.0
        self._peak_db = FLOOR_DB

    def add(self, block: Block) -> None:
        seconds = len(block) / self._sample_rate_hz
        power = float(np.vdot(block, block)) / block.size
        self._power += (power - self._power) * (1.0 - math.exp(-seconds / RMS_WINDOW_S))
        peak_db = _db(max(float(block.max()), -float(block.min())) ** 2)
        self._peak_db = max(peak_db, self._peak_db - PEAK_FALL_DB_PER_S * seconds, FLOOR_DB)

    def levels(self) -> Levels:
        return Levels(_db(self._power), self._peak_db)


def _db(power: float) -> float:
    return max(10.0 * math.log10(power), FLOOR_DB) if power > 0 else FLOOR_DB
