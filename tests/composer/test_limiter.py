"""The last stage holds the ceiling and leaves quiet music alone."""

from __future__ import annotations

import numpy as np
import pytest

from composer.limiter import CEILING, LATENCY_SAMPLES, Limiter
from composer.score import TICK_SAMPLES

FULL = 10.0 ** (-1.0 / 20.0)


def run(
    x: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    limiter = Limiter()
    return np.concatenate([limiter.process(x[k : k + TICK_SAMPLES]) for k in range(0, len(x), TICK_SAMPLES)])


def oversampled_peak(x: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> float:
    """The highest value between the samples, by a four-fold Fourier interpolation."""
    spectrum = np.fft.rfft(x.astype(np.float64), axis=0)
    padded = np.zeros((2 * len(x) + 1, 2), dtype=np.complex128)
    padded[: len(spectrum)] = spectrum
    return float(np.abs(np.fft.irfft(padded, 4 * len(x), axis=0)).max() * 4.0)


def test_quiet_music_passes_untouched_but_late() -> None:
    rng = np.random.default_rng(1)
    x = (0.1 * rng.standard_normal((4800, 2))).clip(-0.5, 0.5).astype(np.float32)
    y = run(x)
    assert np.array_equal(y[LATENCY_SAMPLES:], x[:-LATENCY_SAMPLES])
    assert not y[:LATENCY_SAMPLES].any()


@pytest.mark.parametrize("gain", [1.0, 4.0, 50.0])
def test_nothing_gets_over_minus_one_decibel_true_peak(gain: float) -> None:
    t = np.arange(48_000) / 48_000.0
    tone = np.sin(2 * np.pi * 997.0 * t) * np.repeat(np.random.default_rng(2).uniform(0, 1, 100), 480)
    high = 0.3 * np.sin(2 * np.pi * 5_000.0 * t + 0.4)
    x = (gain * np.stack([tone + high, tone - high], axis=1)).astype(np.float32)
    y = run(x)
    assert np.abs(y).max() <= FULL
    assert oversampled_peak(y[4800:43_200]) <= FULL * 1.01


def test_the_gain_moves_without_a_step() -> None:
    t = np.arange(24_000) / 48_000.0
    x = np.sin(2 * np.pi * 200.0 * t) * np.where(t < 0.2, 0.2, 2.0)
    stereo = np.stack([x, x], axis=1).astype(np.float32)
    before = np.abs(np.diff(stereo[:9_000, 0], 2)).max()
    y = run(stereo)
    assert np.abs(np.diff(y[12_000:, 0])).max() < 2 * np.pi * 200.0 / 48_000.0 * CEILING * 1.3
    assert before > 0.0 and np.abs(y).max() <= FULL


def test_what_is_not_a_number_never_gets_out() -> None:
    x = np.full((960, 2), 0.1, dtype=np.float32)
    x[100] = np.nan
    x[500] = np.inf
    assert np.isfinite(run(x)).all()
