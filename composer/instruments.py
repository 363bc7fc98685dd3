"""The instruments: each patch is a recipe of partials, rendered on demand into zones.

    patch = INSTRUMENTS["felt_piano"]
    zone = patch.zone(60)             # PCM (2, n), the pitch it really has in Hz, and whether it loops

Struck patches decay by themselves (pianos, plucks, bells); sustained ones are seamless loops under an
envelope (strings, choir, pads, leads). The spectra follow textbook acoustics, in broad strokes: partials of a
stiff string, the comb a plucking point leaves, the ratios of bars and bells, vowel formants (Fletcher &
Rossing 1998). No recording is behind any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from composer.score import SAMPLE_RATE_HZ
from composer.spectra import Pcm, Vector, decaying_sum, fade, periodic_bands, shaped_noise

_LEVEL = 0.1
"""RMS every zone is brought to; a patch's `gain_db` comes on top in the rack."""
_LONGEST_S = 3.2
"""Nobody hears the tail of a longer one under a mix, and it would fill memory."""


class Zone(NamedTuple):
    """A rendered tone: PCM (2, n), its true fundamental, and whether to loop it."""

    pcm: Pcm
    hz: float
    loop: bool


class Envelope(NamedTuple):
    """Time constants of the level, in seconds, and how the filter follows."""

    attack_s: float
    release_s: float
    cutoff_hz: float
    """Low-pass of a note at middle velocity."""
    key_follow: float = 0.4
    """Octaves of cutoff for each octave above middle C."""
    velocity_follow: float = 1.2
    """Octaves of cutoff from pianissimo to fortissimo."""


def midi_hz(pitch: float) -> float:
    """Frequency of a MIDI pitch, equal temperament, A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


@dataclass(frozen=True)
class Struck:
    """A tone that rings down. Partials are `ratios` if given, else those of a string of `stiffness`."""

    name: str
    envelope: Envelope
    program: int
    """General MIDI program, for export."""
    low: int = 28
    high: int = 100
    gain_db: float = 0.0
    ratios: tuple[tuple[float, float, float], ...] = ()
    """(frequency ratio, amplitude, decay time relative to the first)."""
    partials: int = 24
    rolloff: float = 1.2
    soft: float = 8.0
    """Harmonic number where an extra exponential roll-off bites."""
    pluck: float = 0.0
    """Where the string is plucked, as a fraction of its length; 0 has no comb."""
    stiffness: float = 0.0
    decay_s: float = 1.2
    """Decay time constant of the first partial at middle C; shorter above, longer below."""
    damping: float = 0.5
    """How much faster high partials die: tau falls with n to this power."""
    thump: float = 0.0
    """Level of the hammer's or finger's noise."""
    thump_hz: float = 600.0
    detune_cents: float = 0.8
    spread: float = 0.35
    zone_step: int = 4
    loops: bool = False

    def zone(self, pitch: int) -> Zone:
        """Render the tone at MIDI `pitch`. About 3 to 10 ms."""
        rng = np.random.default_rng((_patch_seed(self.name), pitch))
        hz = midi_hz(pitch)
        tau = self.decay_s * (midi_hz(60) / hz) ** 0.55
        n, amplitude, decay = self._partials(hz, tau)
        seconds = min(max(4.6 * tau, 0.25), _LONGEST_S)
        samples = int(seconds * SAMPLE_RATE_HZ)
        cents = 2.0 ** (self.detune_cents / 1200.0)
        phase = rng.uniform(-0.4, 0.4, n.size)
        one = decaying_sum(n * cents, amplitude, decay, phase, samples)
        two = decaying_sum(n / cents, amplitude, decay, phase + rng.uniform(-0.3, 0.3, n.size), samples)
        # High strings sit a little right, low ones left, as from the player's seat.
        pan = np.float32(np.clip((pitch - 62) / 60.0, -0.4, 0.4) * self.spread)
        near, far = np.float32(0.5 + self.spread / 2.0), np.float32(0.5 - self.spread / 2.0)
        pcm = np.stack([(one * near + two * far) * (1.0 - pan), (two * near + one * far) * (1.0 + pan)])
        pcm *= np.float32(_LEVEL / np.sqrt(np.mean(pcm[:, : SAMPLE_RATE_HZ // 3] ** 2)))
        if self.thump > 0.0:
            short = min(int(0.05 * SAMPLE_RATE_HZ), samples)
            burst = shaped_noise(short, 80.0, self.thump_hz, rng)
            burst *= np.exp(-np.arange(short) / (0.010 * SAMPLE_RATE_HZ)) * self.thump * _LEVEL
            pcm[:, :short] += burst.astype(np.float32)
        fade(pcm, 24, samples // 5)
        return Zone(pcm, hz, False)

    def _partials(self, hz: float, tau: float) -> tuple[Vector, Vector, Vector]:
        if self.ratios:
            table = np.array(self.ratios)
            return hz * table[:, 0], table[:, 1], tau * table[:, 2]
        count = max(min(self.partials, int(15_000.0 / hz)), 1)
        n = np.arange(1, count + 1, dtype=np.float64)
        stretched = n * np.sqrt(1.0 + self.stiffness * n**2)
        amplitude = n**-self.rolloff * np.exp(-n / (self.soft * (midi_hz(60) / hz) ** 0.35))
        if self.pluck > 0.0:
            amplitude *= 0.12 + np.abs(np.sin(np.pi * n * self.pluck))
        return hz * stretched, amplitude, tau / n**self.damping


@dataclass(frozen=True)
class Sustained:
    """A tone that holds: a loop. Amplitudes of harmonics come from a roll-off, a body and formants."""

    name: str
    envelope: Envelope
    program: int
    low: int = 28
    high: int = 96
    gain_db: float = 0.0
    rolloff: float = 1.0
    even: float = 1.0
    """Level of even harmonics (a clarinet has few)."""
    pulse: float = 0.0
    """Duty of a pulse wave, replacing the roll-off; 0 is none."""
    highest: int = 64
    """Number of harmonics."""
    bright_hz: float = 3000.0
    """Where the body rolls off, 6 dB an octave more."""
    formants: tuple[tuple[float, float, float], ...] = ()
    """(centre Hz, width Hz, gain)."""
    cents: float = 12.0
    """Width of a harmonic's band: an ensemble is wide, a solo narrow, 0 is exact."""
    breath: float = 0.0
    """Level of wind or bow noise."""
    octave: float = 0.0
    """Level of the same an octave above."""
    spread: float = 0.6
    zone_step: int = 4
    samples: int = 131_072
    loops: bool = True

    def zone(self, pitch: int) -> Zone:
        """Render the loop at MIDI `pitch`. About 10 ms."""
        rng = np.random.default_rng((_patch_seed(self.name), pitch))
        samples = self.samples
        bin_hz = SAMPLE_RATE_HZ / samples
        hz = round(midi_hz(pitch) / bin_hz) * bin_hz
        count = max(min(self.highest, int(15_000.0 / hz)), 1)
        n = np.arange(1, count + 1, dtype=np.float64)
        amplitude = self._amplitudes(n, hz)
        if self.octave > 0.0:
            above = self._amplitudes(n, 2.0 * hz) * self.octave
            n, amplitude = np.concatenate([n, 2.0 * n]), np.concatenate([amplitude, above])
        # A band grows with its harmonic, but slower: high ones would blur into hiss.
        width = (2.0 ** (self.cents / 1200.0) - 1.0) * hz * n**0.85 / 2.0
        pcm = periodic_bands(n * hz, amplitude, width, samples, rng, self.spread).astype(np.float64)
        if self.pulse > 0.0:
            pcm = np.stack([_pulse(hz, samples, self.pulse, amplitude)] * 2)
        if self.breath > 0.0:
            noise = np.stack([shaped_noise(samples, max(hz, 300.0), 2500.0, rng) for _ in range(2)])
            pcm += noise * self.breath * np.sqrt(np.mean(pcm**2))
        pcm *= _LEVEL / np.sqrt(np.mean(pcm**2))
        return Zone(pcm.astype(np.float32), hz, True)

    def _amplitudes(self, n: Vector, hz: float) -> Vector:
        amplitude = np.abs(np.sin(np.pi * n * self.pulse)) / n if self.pulse > 0.0 else n**-self.rolloff
        amplitude = amplitude * np.where(n % 2 == 0, self.even, 1.0)
        amplitude /= np.sqrt(1.0 + (n * hz / self.bright_hz) ** 2)
        if self.formants:
            body = np.full_like(n, 0.08)
            for centre, width, gain in self.formants:
                body += gain * np.exp(-0.5 * ((n * hz - centre) / width) ** 2)
            amplitude *= body
        return np.asarray(amplitude, dtype=np.float64)


def _pulse(hz: float, samples: int, duty: float, amplitude: Vector) -> Vector:
    """A band-limited pulse wave with true phases (random ones would round its edges off)."""
    spectrum = np.zeros(samples // 2 + 1, dtype=np.complex128)
    first = round(hz * samples / SAMPLE_RATE_HZ)
    n = np.arange(1, amplitude.size + 1)
    sign = np.where(np.sin(np.pi * n * duty) < 0.0, -1.0, 1.0)
    at = n * first
    fits = at < spectrum.size
    spectrum[at[fits]] = (amplitude * sign)[fits]
    return np.asarray(np.fft.irfft(spectrum, samples), dtype=np.float64)


Patch = Struck | Sustained


def _patch_seed(name: str) -> int:
    return int.from_bytes(name.encode()[:8].ljust(8, b"\0"), "little")


_BAR = ((1.0, 1.0, 1.0), (3.93, 0.22, 0.35), (9.2, 0.06, 0.15))
_BELL = (
    (1.0, 1.0, 1.0), (2.0, 0.35, 0.7), (2.76, 0.3, 0.5), (4.07, 0.14, 0.35), (5.4, 0.12, 0.25),
    (8.2, 0.04, 0.15), (0.5, 0.2, 1.2),
)  # fmt: skip
_TINE = (
    (1.0, 1.0, 1.0), (2.0, 0.34, 0.55), (3.0, 0.16, 0.4), (4.0, 0.07, 0.3), (5.0, 0.035, 0.2),
    (7.1, 0.06, 0.07), (14.2, 0.02, 0.04),
)  # fmt: skip
_COMB = ((1.0, 1.0, 1.0), (5.4, 0.14, 0.12), (2.0, 0.1, 0.5), (8.9, 0.05, 0.06))
_BODY = (
    (280.0, 90.0, 0.8), (460.0, 120.0, 1.0), (1000.0, 350.0, 0.7), (2600.0, 900.0, 0.55),
    (4300.0, 1600.0, 0.35),
)  # fmt: skip
_AH = ((650.0, 110.0, 1.0), (1080.0, 130.0, 0.55), (2650.0, 250.0, 0.16), (3300.0, 350.0, 0.1))
_HORN = ((420.0, 220.0, 1.0), (1200.0, 420.0, 0.35))

_PATCHES: tuple[Patch, ...] = (
    Struck("felt_piano", Envelope(0.002, 0.11, 2600.0, 0.45, 1.6), 0, partials=28, rolloff=1.15, soft=5.0,
           stiffness=3e-4, decay_s=1.15, damping=0.55, thump=0.5, thump_hz=420.0, detune_cents=1.2,
           pluck=0.12),
    Struck("grand_piano", Envelope(0.001, 0.1, 4600.0, 0.45, 1.6), 0, partials=36, rolloff=1.0, soft=10.0,
           stiffness=3.5e-4, decay_s=1.3, damping=0.6, thump=0.35, thump_hz=900.0, detune_cents=1.0,
           pluck=0.12),
    Struck("e_piano", Envelope(0.002, 0.14, 4000.0, 0.4, 2.0), 4, ratios=_TINE, decay_s=1.4,
           detune_cents=2.5, thump=0.12, thump_hz=900.0, spread=0.6),
    Struck("nylon_guitar", Envelope(0.001, 0.1, 3400.0, 0.4, 1.3), 24, low=38, high=90, partials=26,
           rolloff=1.1, soft=9.0, pluck=0.19, decay_s=0.75, damping=0.75, thump=0.3, thump_hz=500.0,
           detune_cents=0.3),
    Struck("steel_guitar", Envelope(0.001, 0.11, 5200.0, 0.4, 1.3), 25, low=38, high=90, partials=32,
           rolloff=0.9, soft=14.0, pluck=0.14, stiffness=5e-5, decay_s=1.0, damping=0.6, thump=0.22,
           thump_hz=1100.0, detune_cents=1.2, spread=0.5),
    Struck("harp", Envelope(0.001, 0.5, 3800.0), 46, partials=20, rolloff=1.3, soft=8.0, pluck=0.42,
           decay_s=1.1, damping=0.6, thump=0.1, spread=0.5),
    Struck("pizzicato", Envelope(0.001, 0.1, 2600.0), 45, partials=18, rolloff=1.2, soft=6.0, pluck=0.23,
           decay_s=0.2, damping=0.6, thump=0.25, thump_hz=500.0, detune_cents=3.0, spread=0.6),
    Struck("synth_pluck", Envelope(0.002, 0.12, 3000.0, 0.3, 1.6), 81, partials=30, rolloff=0.95, soft=9.0,
           decay_s=0.3, damping=0.7, detune_cents=5.0, spread=0.9, gain_db=-1.0),
    Struck("pulse_pluck", Envelope(0.002, 0.06, 5200.0, 0.3, 1.0), 80, partials=30, rolloff=1.0, soft=18.0,
           pluck=0.25, decay_s=0.28, damping=0.15, detune_cents=0.0, spread=0.0),
    Struck("glass_bell", Envelope(0.003, 0.6, 5200.0, 0.2, 1.2), 9, low=55, high=103, ratios=_BELL,
           decay_s=1.3, detune_cents=3.0, spread=0.8),
    Struck("music_box", Envelope(0.001, 0.5, 5600.0, 0.2, 1.0), 10, low=55, high=103, ratios=_COMB,
           decay_s=0.9, detune_cents=1.0, thump=0.08, thump_hz=2500.0, spread=0.5),
    Struck("kalimba", Envelope(0.001, 0.3, 3600.0, 0.3, 1.4), 108, low=48, high=98, ratios=_COMB,
           decay_s=0.45, detune_cents=0.6, thump=0.22, thump_hz=500.0),
    Struck("marimba", Envelope(0.001, 0.25, 3200.0, 0.3, 1.4), 12, low=45, high=98, ratios=_BAR,
           decay_s=0.32, detune_cents=0.4, thump=0.25, thump_hz=400.0),
    Struck("vibes", Envelope(0.001, 0.35, 3600.0, 0.3, 1.5), 11, low=48, high=96, ratios=_BAR, decay_s=1.3,
           detune_cents=2.2, thump=0.08, thump_hz=900.0, spread=0.6),
    Struck("upright_bass", Envelope(0.003, 0.09, 1300.0, 0.3, 1.3), 32, low=26, high=60, partials=16,
           rolloff=1.25, soft=3.2, pluck=0.28, decay_s=0.42, damping=0.7, thump=0.4, thump_hz=300.0,
           detune_cents=0.4, spread=0.1),
    Struck("round_bass", Envelope(0.003, 0.08, 900.0, 0.3, 1.2), 33, low=26, high=60, partials=12,
           rolloff=1.6, soft=3.0, pluck=0.3, decay_s=0.6, damping=0.5, thump=0.2, thump_hz=250.0,
           detune_cents=0.3, spread=0.05),
    Struck("synth_bass", Envelope(0.003, 0.05, 1200.0, 0.3, 2.0), 38, low=26, high=60, partials=40,
           rolloff=0.95, soft=10.0, decay_s=0.4, damping=0.55, detune_cents=4.0, spread=0.15),
    Sustained("sub_bass", Envelope(0.12, 0.35, 500.0), 39, low=26, high=60, rolloff=2.6, highest=6,
              cents=0.0, spread=0.0, samples=65_536),
    Sustained("triangle_bass", Envelope(0.004, 0.03, 2400.0, 0.2, 0.4), 38, low=26, high=72, rolloff=2.0,
              even=0.0, highest=15, bright_hz=6000.0, cents=0.0, spread=0.0, samples=32_768),
    Sustained("strings", Envelope(0.13, 0.2, 4200.0, 0.3, 1.4), 48, low=36, rolloff=0.85, bright_hz=4500.0,
              formants=_BODY, cents=26.0, breath=0.03, spread=0.6),
    Sustained("low_strings", Envelope(0.16, 0.24, 1800.0, 0.3, 1.4), 48, low=24, high=64, rolloff=0.9,
              formants=_BODY, cents=22.0, breath=0.04, spread=0.45),
    Sustained("violin", Envelope(0.08, 0.16, 5400.0, 0.3, 1.4), 40, low=52, high=100, rolloff=0.9,
              bright_hz=4500.0, formants=_BODY, cents=9.0, breath=0.04, spread=0.35),
    Sustained("cello", Envelope(0.1, 0.2, 2200.0, 0.3, 1.4), 42, low=30, high=76, rolloff=0.95,
              formants=_BODY, cents=9.0, breath=0.04, spread=0.25),
    Sustained("choir", Envelope(0.22, 0.4, 3000.0, 0.2, 1.0), 52, low=40, high=84, rolloff=0.75,
              formants=_AH, cents=32.0, breath=0.05, spread=0.6),
    Sustained("horn", Envelope(0.07, 0.14, 1900.0, 0.3, 2.2), 60, low=36, high=81, rolloff=0.9,
              formants=_HORN, cents=8.0, breath=0.02, spread=0.3),
    Sustained("flute", Envelope(0.05, 0.1, 4200.0, 0.2, 1.0), 73, low=55, high=100, rolloff=2.1, highest=8,
              bright_hz=2500.0, cents=5.0, breath=0.09, spread=0.25),
    Sustained("clarinet", Envelope(0.04, 0.09, 3000.0, 0.25, 1.6), 71, low=48, high=93, rolloff=1.15,
              even=0.18, highest=20, bright_hz=1600.0, cents=4.0, breath=0.03, spread=0.2),
    Sustained("accordion", Envelope(0.05, 0.09, 3000.0), 21, low=36, rolloff=0.9, bright_hz=1500.0,
              cents=11.0, octave=0.4, spread=0.4),
    Sustained("organ", Envelope(0.04, 0.12, 3200.0), 19, low=30, rolloff=1.5, highest=8, cents=5.0,
              octave=0.5, spread=0.4),
    Sustained("warm_pad", Envelope(0.35, 0.5, 1700.0, 0.3, 1.0), 89, low=30, rolloff=1.1, bright_hz=900.0,
              cents=28.0, spread=0.5),
    Sustained("air_pad", Envelope(0.5, 0.7, 3600.0, 0.2, 1.0), 91, low=40, rolloff=1.5, bright_hz=2500.0,
              cents=40.0, breath=0.12, octave=0.45, spread=0.6),
    Sustained("saw_pad", Envelope(0.18, 0.45, 2600.0, 0.3, 1.2), 90, low=36, rolloff=1.0, bright_hz=2200.0,
              cents=30.0, spread=0.55),
    Sustained("saw_lead", Envelope(0.02, 0.13, 3000.0, 0.4, 1.6), 81, low=45, high=98, rolloff=1.0,
              bright_hz=2600.0, cents=14.0, spread=0.45),
    Sustained("soft_lead", Envelope(0.03, 0.12, 2200.0, 0.3, 1.2), 80, low=45, high=96, rolloff=1.7,
              even=0.5, highest=14, cents=7.0, spread=0.3),
    Sustained("pulse_lead", Envelope(0.003, 0.03, 6000.0, 0.3, 0.8), 80, low=45, high=100, pulse=0.25,
              highest=40, bright_hz=4500.0, cents=0.0, spread=0.0, samples=32_768),
    Sustained("pulse_soft", Envelope(0.003, 0.03, 4200.0, 0.3, 0.8), 80, low=40, high=96, pulse=0.5,
              highest=30, bright_hz=3000.0, cents=0.0, spread=0.0, samples=32_768),
)  # fmt: skip

INSTRUMENTS: dict[str, Patch] = {patch.name: patch for patch in _PATCHES}
"""Every pitched patch by name."""
