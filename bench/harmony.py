"""Mode and consonance, as anyone could measure them, from sound and from notes.

Mode: the lead of the best major over the best minor key in correlation with the probe-tone profiles
(Krumhansl & Kessler 1982). Consonance from notes: Huron's (1994) interval-class index, mean over the pairs
that sound together. Consonance from sound: less of the dissonance factor of Hutchinson & Knopoff (1978), sum
of a_i a_j g_ij over sum of a_i^2, with a pair's roughness g by Plomp & Levelt (1965) in Sethares' (1993)
formula.

The judge keeps its own constants rather than `composer.labels`', which trained what is judged here: a slip
there must show here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_HURON = np.array([0.0, -1.428, -0.582, 0.594, 0.386, 1.240, -0.453])
"""By interval class 0 .. 6; unisons and octaves say nothing either way."""

PEAKS = 24
_LOW_HZ, _HIGH_HZ, _CHROMA_HIGH_HZ = 60.0, 5000.0, 2000.0
_FLOOR = 1e-3
"""Peaks more than 60 dB under the frame's strongest are not heard."""


def _unit(rows: Array) -> Array:
    """Rows with mean 0 and length 1; a flat row stays 0."""
    centered = rows - rows.mean(axis=-1, keepdims=True)
    return np.asarray(centered / np.maximum(np.linalg.norm(centered, axis=-1, keepdims=True), 1e-12))


_PROFILES = _unit(np.array([np.roll(p, tonic) for p in (_MAJOR, _MINOR) for tonic in range(12)]))


def mode(pitch_classes: Array) -> Array:
    """(..., 12) weights of the pitch classes -> (...): above 0 more major, below 0 more minor; silence 0."""
    strength = _unit(pitch_classes) @ _PROFILES.T
    return np.asarray(strength[..., :12].max(axis=-1) - strength[..., 12:].max(axis=-1))


class Peaks(NamedTuple):
    """The strongest partials of each frame, (frames, PEAKS) each; amplitude 0 where there are fewer."""

    hz: Array
    amplitude: Array


def peaks(magnitude: Array, bin_hz: float) -> Peaks:
    """Partials of spectra (frames, bins): local maxima, placed by a parabola through three log magnitudes."""
    low, high = int(_LOW_HZ / bin_hz), min(int(_HIGH_HZ / bin_hz), magnitude.shape[1] - 2)
    middle = magnitude[:, low:high]
    before, after = magnitude[:, low - 1 : high - 1], magnitude[:, low + 1 : high + 1]
    loudest = np.maximum(magnitude.max(axis=1, keepdims=True), 1e-9)
    tops = np.where((middle > before) & (middle >= after) & (middle > _FLOOR * loudest), middle, 0.0)
    index = np.argpartition(-tops, PEAKS, axis=1)[:, :PEAKS]
    row = np.arange(len(tops))[:, None]
    a, b, c = (np.log(np.maximum(m[row, index], 1e-12)) for m in (before, middle, after))
    bend = a - 2.0 * b + c
    shift = np.where(bend < -1e-9, 0.5 * (a - c) / np.minimum(bend, -1e-9), 0.0)
    return Peaks((index + low + np.clip(shift, -0.5, 0.5)) * bin_hz, tops[row, index])


def chroma(found: Peaks) -> Array:
    """(frames, 12), each frame of sum 1, or 0 where nothing sounds."""
    pitch_class = np.rint(12.0 * np.log2(found.hz / 440.0) + 69.0).astype(int) % 12
    weight = np.where(found.hz < _CHROMA_HIGH_HZ, found.amplitude, 0.0)
    table = np.zeros((len(weight), 12))
    np.add.at(table, (np.arange(len(weight))[:, None], pitch_class), weight)
    return np.asarray(table / np.maximum(table.sum(axis=1, keepdims=True), 1e-12))


def roughness(found: Peaks) -> Array:
    """(frames,) dissonance factor, independent of level; 0 where nothing sounds."""
    first, second = np.triu_indices(found.hz.shape[1], 1)
    low = np.minimum(found.hz[:, first], found.hz[:, second])
    gap = np.abs(found.hz[:, first] - found.hz[:, second])
    x = 0.24 * gap / (0.0207 * low + 18.96)
    pair = 5.0 * np.exp(-3.51 * x) - 5.0 * np.exp(-5.75 * x)
    total = (found.amplitude[:, first] * found.amplitude[:, second] * pair).sum(axis=1)
    return np.asarray(total / np.maximum((found.amplitude**2).sum(axis=1), 1e-12))


def sounding_classes(notes: Array, start_s: float, end_s: float) -> Array:
    """(12,) seconds each pitch class sounds in [start, end). `notes` (N, 3+): onset s, length s, pitch."""
    overlap = np.minimum(notes[:, 0] + notes[:, 1], end_s) - np.maximum(notes[:, 0], start_s)
    return np.bincount(notes[:, 2].astype(int) % 12, weights=np.maximum(overlap, 0.0), minlength=12).astype(
        np.float64
    )


def consonance(notes: Array, start_s: float, end_s: float, step_s: float = 0.25) -> float:
    """Mean Huron index of the pairs of different pitches that sound at each step; 0 where none do."""
    values = []
    near = notes[(notes[:, 0] < end_s) & (notes[:, 0] + notes[:, 1] > start_s)]
    for at in np.arange(start_s, end_s, step_s):
        sounding = np.unique(near[(near[:, 0] <= at) & (near[:, 0] + near[:, 1] > at), 2]).astype(int)
        if len(sounding) > 1:
            gaps = (sounding[None, :] - sounding[:, None])[np.triu_indices(len(sounding), 1)] % 12
            values.append(_HURON[np.minimum(gaps, 12 - gaps)].mean())
    return float(np.mean(values)) if values else 0.0
