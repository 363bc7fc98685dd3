"""The bus compressor: half of what is over the knee, smoothly, and taken up again exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from composer.compressor import Compressor, CompressorState
from composer.score import TICK_SAMPLES

Pcm = npt.NDArray[np.float32]
KNEE = 0.16


def tone(level: float, ticks: int = 100) -> Pcm:
    mono = level * np.sin(2.0 * np.pi * 500.0 * np.arange(ticks * TICK_SAMPLES) / 48_000)
    return np.repeat(mono[:, None], 2, axis=1).astype(np.float32)


def compressed(pcm: Pcm, compressor: Compressor) -> Pcm:
    out = pcm.copy()
    for start in range(0, len(out), TICK_SAMPLES):
        compressor.process(out[start : start + TICK_SAMPLES], KNEE)
    return out


def test_what_is_under_the_knee_is_left_alone() -> None:
    pcm = tone(0.9 * KNEE)
    assert np.array_equal(compressed(pcm, Compressor()), pcm)


@pytest.mark.parametrize("over_db", [6.0, 12.0])
def test_half_of_what_is_over_is_taken(over_db: float) -> None:
    heard = compressed(tone(KNEE * 10 ** (over_db / 20)), Compressor())[-4800:]
    assert 20 * np.log10(np.abs(heard).max() / KNEE) == pytest.approx(over_db / 2, abs=0.3)


def test_the_gain_moves_without_steps() -> None:
    pcm = np.concatenate([tone(0.05, 20), tone(0.8, 20), tone(0.05, 40)])
    pcm += np.float32(0.2)  # a level under the tone: gain shows at its zero crossings too
    gains = compressed(pcm, Compressor())[:, 0] / pcm[:, 0]
    assert np.abs(np.diff(gains[np.abs(pcm[:, 0]) > 0.05])).max() < 0.02


def test_it_goes_on_from_a_kept_state_exactly() -> None:
    pcm = tone(0.5, 40)
    first, second = Compressor(), Compressor()
    whole = compressed(pcm, first)
    half = len(pcm) // 2
    third = Compressor()
    compressed(pcm[:half], third)
    second.state = CompressorState(*list(third.state))
    assert np.array_equal(compressed(pcm[half:], second), whole[half:])
