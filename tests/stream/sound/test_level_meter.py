from __future__ import annotations

import numpy as np
import pytest

from stream.sound.level_meter import FLOOR_DB, LevelMeter


def sine(amplitude: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    mono = amplitude * np.sin(2 * np.pi * 500 * np.arange(960) / 48_000)
    return np.stack([mono, mono], axis=1).astype(np.float32)


def test_a_steady_sine_reads_what_it_is() -> None:
    meter = LevelMeter(48_000)
    for _ in range(200):
        meter.add(sine(0.5))
    assert meter.levels().rms_db == pytest.approx(-9.03, abs=0.05)
    assert meter.levels().peak_db == pytest.approx(-6.02, abs=0.05)


def test_silence_is_the_floor_and_the_peak_falls_slowly() -> None:
    meter = LevelMeter(48_000)
    assert meter.levels() == (FLOOR_DB, FLOOR_DB)
    meter.add(sine(1.0))
    for _ in range(50):
        meter.add(np.zeros((960, 2), np.float32))
    assert meter.levels().peak_db == pytest.approx(-20.0, abs=0.5)
    for _ in range(2000):
        meter.add(np.zeros((960, 2), np.float32))
    assert meter.levels().peak_db == FLOOR_DB
