"""The drums: one-shots made of sines and shaped noise, four takes of each so that none repeats exactly.

    DRUMS["kick_soft"].take(0)          # PCM (2, n) at 48 kHz

The recipes are the classic analog ones: a falling sine for skins, filtered noise for wires and metal. Highs
are kept down on purpose; these play under a voice for hours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.score import SAMPLE_RATE_HZ
from composer.spectra import Pcm, Vector, fade, shaped_noise

TAKES = 4
_LEVEL = 0.35
"""Peak every take is brought to."""


@dataclass(frozen=True)
class Drum:
    """One drum: a body that falls in pitch, noise in a band, or both."""

    name: str
    key: int
    """General MIDI percussion key, for export."""
    gain_db: float = 0.0
    seconds: float = 0.5
    body: float = 0.0
    body_hz: tuple[float, float] = (120.0, 50.0)
    """Pitch at the strike, and where it settles."""
    bend_s: float = 0.03
    body_s: float = 0.15
    noise: float = 0.0
    noise_hz: tuple[float, float] = (200.0, 4000.0)
    noise_s: float = 0.08
    noise_attack_s: float = 0.001
    ring: tuple[float, ...] = ()
    """Frequencies of metal partials."""
    ring_level: float = 0.0
    ring_s: float = 0.3
    gate_s: float = 0.0
    """Cuts the noise after this long (gated reverb); 0 lets it ring."""
    crush: int = 1
    """Holds each sample this long: the grain of old chips."""
    reverse: bool = False
    width: float = 0.3

    def take(self, index: int) -> Pcm:
        """Take `index` in `range(TAKES)`: the same drum struck a little differently."""
        rng = np.random.default_rng((int.from_bytes(self.name.encode()[:8].ljust(8, b"\0"), "little"), index))
        samples = int(self.seconds * SAMPLE_RATE_HZ)
        t = np.arange(samples) / SAMPLE_RATE_HZ
        bend = 1.0 + 0.03 * rng.uniform(-1.0, 1.0)
        mono = np.zeros(samples)
        if self.body > 0.0:
            high, low = self.body_hz
            hz = bend * (low + (high - low) * np.exp(-t / self.bend_s))
            mono += (
                self.body * np.sin(2.0 * np.pi * np.cumsum(hz) / SAMPLE_RATE_HZ) * np.exp(-t / self.body_s)
            )
        for ring in self.ring:
            detuned = ring * (1.0 + 0.01 * rng.uniform(-1.0, 1.0))
            phase = rng.uniform(0.0, 2.0 * np.pi)
            mono += self.ring_level * np.sin(2.0 * np.pi * detuned * t + phase) * np.exp(-t / self.ring_s)
        sides = [mono, mono.copy()]
        if self.noise > 0.0:
            both, left, right = (self._noise(samples, t, rng) for _ in range(3))
            sides = [
                mono + (1.0 - self.width) * both + self.width * left,
                mono + (1.0 - self.width) * both + self.width * right,
            ]
        pcm: Vector = np.stack(sides)
        if self.crush > 1:
            pcm = _held(pcm, self.crush)
        if self.reverse:
            pcm = pcm[:, ::-1].copy()
        fade(pcm, 24 if not self.reverse else samples // 4, min(samples // 4, 9600))
        return np.asarray(pcm * (_LEVEL / np.max(np.abs(pcm))), dtype=np.float32)

    def _noise(self, samples: int, t: Vector, rng: np.random.Generator) -> Vector:
        noise = shaped_noise(samples, *self.noise_hz, rng) * 0.3 * self.noise
        noise *= np.exp(-t / self.noise_s) * (1.0 - np.exp(-t / self.noise_attack_s))
        if self.gate_s > 0.0:
            noise /= 1.0 + np.exp(np.minimum((t - self.gate_s) / 0.004, 60.0))
        return noise


def _held(pcm: Vector, factor: int) -> Vector:
    """Sample and hold by `factor`, then a short average, which takes the edge off its images."""
    held = np.repeat(pcm[:, ::factor], factor, axis=1)[:, : pcm.shape[1]]
    kernel = np.hanning(2 * factor + 1)
    kernel /= kernel.sum()
    return np.stack([np.convolve(side, kernel, mode="same") for side in held])


_METAL = (410.0, 566.0, 742.0, 1180.0, 1630.0, 2210.0, 3150.0)

_DRUMS: tuple[Drum, ...] = (
    Drum("kick_soft", 36, -1.0, 0.4, body=1.0, body_hz=(130.0, 52.0), bend_s=0.022, body_s=0.11, noise=0.12,
         noise_hz=(80.0, 900.0), noise_s=0.01),
    Drum("kick_deep", 36, -2.0, 0.5, body=1.0, body_hz=(190.0, 47.0), bend_s=0.03, body_s=0.16, noise=0.2,
         noise_hz=(200.0, 2500.0), noise_s=0.006),
    Drum("snare_dusty", 38, -4.0, 0.35, body=0.5, body_hz=(230.0, 180.0), body_s=0.06, noise=1.0,
         noise_hz=(400.0, 3200.0), noise_s=0.075),
    Drum("snare_gated", 38, -5.0, 0.5, body=0.8, body_hz=(240.0, 175.0), body_s=0.08, noise=0.8,
         noise_hz=(350.0, 2800.0), noise_s=0.16, gate_s=0.17, width=0.7),
    Drum("hat_soft", 42, -9.0, 0.15, noise=1.0, noise_hz=(4200.0, 6500.0), noise_s=0.022),
    Drum("hat_tight", 42, -9.0, 0.12, noise=1.0, noise_hz=(5200.0, 8500.0), noise_s=0.016, ring=_METAL,
         ring_level=0.01, ring_s=0.02),
    Drum("hat_open", 46, -10.0, 0.6, noise=1.0, noise_hz=(4200.0, 7000.0), noise_s=0.16, width=0.5),
    Drum("hat_foot", 44, -11.0, 0.15, noise=1.0, noise_hz=(2800.0, 5000.0), noise_s=0.03,
         noise_attack_s=0.006),
    Drum("ride", 51, -13.0, 1.2, noise=0.14, noise_hz=(3800.0, 7500.0), noise_s=0.22, ring=_METAL,
         ring_level=0.05, ring_s=0.35, width=0.5),
    Drum("cymbal", 49, -9.0, 2.6, noise=1.0, noise_hz=(2400.0, 6000.0), noise_s=0.7, noise_attack_s=0.004,
         ring=_METAL, ring_level=0.03, ring_s=0.6, width=0.8),
    Drum("swell", 55, -11.0, 1.6, noise=1.0, noise_hz=(1200.0, 4500.0), noise_s=0.45, reverse=True,
         width=0.9),
    Drum("boom", 35, -1.0, 2.0, body=1.0, body_hz=(75.0, 38.0), bend_s=0.12, body_s=0.55, noise=0.15,
         noise_hz=(60.0, 300.0), noise_s=0.15),
    Drum("taiko_low", 41, -2.0, 1.4, body=1.0, body_hz=(105.0, 62.0), bend_s=0.05, body_s=0.32, noise=0.35,
         noise_hz=(90.0, 700.0), noise_s=0.05, width=0.4),
    Drum("taiko_high", 43, -2.0, 0.8, body=1.0, body_hz=(190.0, 128.0), bend_s=0.04, body_s=0.17,
         noise=0.35, noise_hz=(200.0, 1400.0), noise_s=0.035, width=0.5),
    Drum("tom", 47, 0.0, 0.6, body=1.0, body_hz=(210.0, 110.0), bend_s=0.06, body_s=0.16, noise=0.12,
         noise_hz=(200.0, 2000.0), noise_s=0.03),
    Drum("brush_tap", 38, -6.0, 0.3, body=0.2, body_hz=(210.0, 180.0), body_s=0.04, noise=1.0,
         noise_hz=(900.0, 4200.0), noise_s=0.055, noise_attack_s=0.004, width=0.5),
    Drum("brush_sweep", 40, -20.0, 0.7, noise=1.0, noise_hz=(1200.0, 4500.0), noise_s=0.17,
         noise_attack_s=0.11, width=0.7),
    Drum("stomp", 36, -1.0, 0.4, body=1.0, body_hz=(110.0, 66.0), bend_s=0.03, body_s=0.09, noise=0.3,
         noise_hz=(80.0, 500.0), noise_s=0.03),
    Drum("shaker", 82, -11.0, 0.2, noise=1.0, noise_hz=(3500.0, 6500.0), noise_s=0.035,
         noise_attack_s=0.014),
    Drum("chip_kick", 36, -2.0, 0.25, body=1.0, body_hz=(320.0, 55.0), bend_s=0.03, body_s=0.08, crush=3),
    Drum("chip_snare", 38, -5.0, 0.25, noise=1.0, noise_hz=(500.0, 5200.0), noise_s=0.07, crush=5,
         width=0.0),
    Drum("chip_hat", 42, -10.0, 0.1, noise=1.0, noise_hz=(3500.0, 7500.0), noise_s=0.022, crush=3,
         width=0.0),
    Drum("chip_crash", 49, -7.0, 1.0, noise=1.0, noise_hz=(900.0, 5200.0), noise_s=0.28, crush=4,
         width=0.0),
)  # fmt: skip

DRUMS: dict[str, Drum] = {drum.name: drum for drum in _DRUMS}
"""Every drum by name."""
