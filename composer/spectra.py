"""Sound from formulas: struck and sustained tones as sums of partials, noise as shaped spectra.

Everything returns float32 PCM of shape (2, n) at 48 kHz and is band-limited by construction: a partial above
`_HIGHEST_HZ` is left out rather than folded back. Sustained tones are seamless loops, made the PADsynth way
(Nasca 2005): each harmonic is a band of random-phase bins around its frequency, and the inverse transform is
periodic by nature. Deterministic: randomness comes from the Generator handed in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from composer.score import SAMPLE_RATE_HZ

Pcm = npt.NDArray[np.float32]
"""Shape (2, samples)."""
Vector = npt.NDArray[np.float64]

_HIGHEST_HZ = 16_000.0
_CHUNK = 512


def decaying_sum(
    hz: Vector, amplitude: Vector, tau_s: Vector, phase: Vector, samples: int
) -> npt.NDArray[np.float32]:
    """The sum of exponentially decaying sines, shape (samples,).

    exp(z (k M + m)) is exp(z k M) exp(z m), so the sum over partials is one matrix product of a coarse and a
    fine phasor table instead of `samples` sines for each partial.
    """
    keep = hz < _HIGHEST_HZ
    z = (-1.0 / tau_s[keep] + 2j * np.pi * hz[keep]) / SAMPLE_RATE_HZ
    rows = -(-samples // _CHUNK)
    start = amplitude[keep] * np.exp(1j * (phase[keep] - np.pi / 2.0))
    coarse = (start * np.exp(np.outer(np.arange(rows) * _CHUNK, z))).astype(np.complex64)
    fine = np.exp(np.outer(z, np.arange(_CHUNK))).astype(np.complex64)
    # Only the real part is wanted, which halves the work.
    real = coarse.real.copy() @ fine.real.copy() - coarse.imag.copy() @ fine.imag.copy()
    return np.asarray(real.reshape(-1)[:samples], dtype=np.float32)


def periodic_bands(
    hz: Vector, amplitude: Vector, width_hz: Vector, samples: int, rng: np.random.Generator, spread: float
) -> Pcm:
    """A seamless stereo loop: one band of noise for each partial, `width_hz` wide (0 is one exact bin).

    `spread` in [0, 1] is how different the two sides are; the middle stays common to both.
    """
    bin_hz = SAMPLE_RATE_HZ / samples
    magnitude = np.zeros(samples // 2 + 1)
    for f, a, w in zip(hz, amplitude, width_hz, strict=True):
        if f >= _HIGHEST_HZ or a <= 0.0:
            continue
        if w < bin_hz:
            magnitude[round(f / bin_hz)] += a
            continue
        low = max(int((f - 3.0 * w) / bin_hz), 1)
        high = min(int((f + 3.0 * w) / bin_hz) + 2, magnitude.size)
        band = np.exp(-0.5 * ((np.arange(low, high) * bin_hz - f) / w) ** 2)
        magnitude[low:high] += a * band / np.sqrt(np.sum(band**2))
    sides = []
    for _ in range(2):
        phase = rng.uniform(0.0, 2.0 * np.pi, magnitude.size)
        sides.append(np.fft.irfft(magnitude * np.exp(1j * phase), samples))
    middle, side = sides[0], sides[1] * spread
    return np.stack([middle + side, middle - side]).astype(np.float32)


def shaped_noise(samples: int, low_hz: float, high_hz: float, rng: np.random.Generator) -> Vector:
    """Noise between two soft edges (12 dB an octave each), unit RMS, shape (samples,)."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1.0 / SAMPLE_RATE_HZ)
    shape = (hz / low_hz) ** 2 / (1.0 + (hz / low_hz) ** 2) / (1.0 + (hz / high_hz) ** 2)
    noise = np.fft.irfft(spectrum * shape, samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), dtype=np.float64)


def fade(pcm: Pcm | Vector, attack_samples: int, release_samples: int) -> None:
    """Give `pcm` raised-cosine ends, so that it begins and ends at zero. In place; last axis is time."""
    if attack_samples:
        rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(attack_samples) / attack_samples)
        pcm[..., :attack_samples] *= rise.astype(pcm.dtype)
    if release_samples:
        fall = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, release_samples + 1) / release_samples)
        pcm[..., -release_samples:] *= fall.astype(pcm.dtype)
