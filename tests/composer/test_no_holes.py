"""Slow and sparse music sounds on: an instrument that decays does not leave its bar silent."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from composer.presets import PRESETS
from composer.score import SAMPLE_RATE_HZ
from composer.symbolic import create

SECONDS = 20
SILENCE_DBFS = -60.0


@pytest.mark.parametrize("anchor", PRESETS)
def test_calm_and_joyful_music_has_no_hole_of_half_a_second(anchor: str) -> None:
    with closing(create()) as composer:
        composer.prime(anchor, 1)
        composer.steer(0.9, -0.9, 0)
        sound = np.concatenate([composer.render(4800) for _ in range(SECONDS * 10)])
    of_10_ms = np.square(sound).reshape(-1, SAMPLE_RATE_HZ // 100, 2).mean(axis=(1, 2))
    longest = run = 0
    for silent in 10.0 * np.log10(of_10_ms + 1e-12) < SILENCE_DBFS:
        run = run + 1 if silent else 0
        longest = max(longest, run)
    assert longest < 50
