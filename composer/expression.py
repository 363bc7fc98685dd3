"""How affect becomes expression: one table of numbers, read by the performer and by the synthesiser.

Two axes in [-1, 1] go in; musical parameters come out. Which feature follows which axis, how far, and on
whose evidence stands in docs/affect.md (Gabrielsson & Lindström 2010; Livingstone et al. 2010; the KTH rules
of Friberg, Bresin & Sundberg 2006). Everything here is monotonic in arousal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


def clamped(value: float) -> float:
    """`value` in [-1, 1]; a value that is not a number is 0."""
    if math.isnan(value):
        return 0.0
    return min(max(value, -1.0), 1.0)


@dataclass(frozen=True)
class Sound:
    """At once (the synthesiser, every tick)."""

    gain_db: float
    """Added to the whole."""
    cutoff_octaves: float
    """Moves every low-pass, in octaves."""
    air: float
    """A high shelf, as a factor minus one."""
    reverb_scale: float
    """Scales the reverb send."""
    vibrato_cents: float
    vibrato_hz: float
    chorus_scale: float
    """Detuning: more of it sounds less certain."""
    width_scale: float


@dataclass(frozen=True)
class Playing:
    """From the next note (the performer, every beat)."""

    articulation: float
    """Sounding length over written length."""
    loudness_db: float
    """Added to every velocity."""
    bass_db: float
    """Added to the bass: it does not grow with the rest, or loud music would be dark music."""
    accent_db: float
    """How much a downbeat stands out from a weak step."""
    melody_db: float
    """How much the melody stands out from the accompaniment."""
    lateness_s: float
    """A low-arousal melody drags a little behind the beat."""
    drone: float
    """Level of the low tonic, 0 where valence is not negative."""


def sound(valence: float, arousal: float) -> Sound:
    """Expression of the sound for affect in [-1, 1]."""
    v, a = clamped(valence), clamped(arousal)
    return Sound(
        gain_db=(2.2 if a > 0.0 else 4.0) * a + 0.4 * v,
        cutoff_octaves=1.3 * a + 0.3 * v,
        air=max(0.6 + 0.8 * a + 0.1 * v, 0.0),
        reverb_scale=math.exp(-0.4 * a - 0.15 * v),
        vibrato_cents=7.0 + 5.0 * a - 2.0 * v,
        vibrato_hz=5.1 + 0.8 * a,
        chorus_scale=math.exp(-0.6 * v),
        width_scale=1.0 + 0.12 * v,
    )


def playing(valence: float, arousal: float) -> Playing:
    """Expression of the playing for affect in [-1, 1]."""
    v, a = clamped(valence), clamped(arousal)
    return Playing(
        articulation=0.9 - 0.26 * a - 0.07 * v,
        loudness_db=2.0 * a,
        bass_db=-2.0 * a,
        accent_db=3.0 + 1.5 * a,
        melody_db=3.5,
        lateness_s=0.012 * max(-a, 0.0),
        drone=min(max(-v - 0.2, 0.0) / 0.6, 1.0),
    )
