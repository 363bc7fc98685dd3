"""Does the music follow? Commanded affect against the same affect measured in the generated notes.

Notes only: no tempo, loudness or timbre, which follow arousal by rule. Each point is a stretch of bars
written at constant affect, judged by `composer.labels` (the formula the adapter was trained on) and by the
share of minor bars. Shuffled commands are the control: their correlation should be near 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench.report import Figure, above
from composer import labels
from composer.generator import Generator
from composer.presets import PRESETS
from composer.symbolic import GUIDANCE, manner_of
from composer.weights import playable, read

BARS = 12
LEVELS = (-0.8, 0.0, 0.8)
SEEDS = (1, 2, 3)
Array = npt.NDArray[np.float64]


class Point(NamedTuple):
    """One stretch: what was commanded and what was measured."""

    valence: float
    arousal: float
    mode: float
    consonance: float
    rate: float
    minor: float


def spearman(x: Array, y: Array) -> float:
    """Rank correlation, ties at their mean rank."""

    def ranks(values: Array) -> Array:
        _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        return np.asarray((ends - (counts - 1) / 2.0)[inverse])

    return float(np.corrcoef(ranks(x), ranks(y))[0, 1])


def stretch(preset: str, valence: float, arousal: float, seed: int, guidance: float) -> Point:
    """Write `BARS` bars after four to settle, and measure them."""
    generator = Generator(*playable(read()), manner_of(PRESETS[preset], guidance), seed)
    rows: list[tuple[int, int, int, int]] = []
    minor: list[bool] = []
    quarters, first = 0, 4
    while True:
        for beat in generator.advance(valence, arousal):
            if beat.bar >= first + BARS:
                table = np.array(sorted(rows), dtype=np.int32).reshape(-1, 4)
                raw = labels.features(table, quarters)
                steady = slice(0, quarters - labels.VALENCE_AHEAD)
                return Point(
                    valence,
                    arousal,
                    float(raw.mode[steady].mean()),
                    float(raw.consonance[steady].mean()),
                    len(rows) / quarters,
                    float(np.mean(minor)),
                )
            if beat.bar >= first:
                rows += [(12 * quarters + n.step, n.length, n.pitch, n.role) for n in beat.notes]
                minor.append(beat.minor)
                quarters += 1


def grid(presets: tuple[str, ...], guidance: float) -> list[Point]:
    return [
        stretch(preset, valence, arousal, seed, guidance)
        for preset in presets
        for seed in SEEDS
        for valence in LEVELS
        for arousal in LEVELS
    ]


def run(presets: tuple[str, ...] = ("cinematic",), guidance: float = GUIDANCE) -> list[Figure]:
    points = np.array(grid(presets, guidance))
    valence, arousal, mode, consonance, rate, minor = points.T

    def z(x: Array) -> Array:
        return np.asarray((x - x.mean()) / (x.std() + 1e-9))

    heard = z(mode) + 0.5 * z(consonance)
    mixed = np.random.default_rng(0).permutation(len(points))
    figures = [
        above("control: valence, mode and consonance (Spearman)", spearman(valence, heard), "", 0.65),
        Figure("control: valence, mode alone", spearman(valence, mode), ""),
        above("control: arousal, note rate (Spearman)", spearman(arousal, rate), "", 0.85),
        Figure("control: valence, shuffled", spearman(valence[mixed], heard), ""),
        Figure("control: arousal, shuffled", spearman(arousal[mixed], rate), ""),
    ]
    for level in LEVELS:
        figures.append(
            Figure(f"control: notes a quarter at arousal {level:+.1f}", rate[arousal == level].mean(), "")
        )
    for level in LEVELS:
        share = 100 * minor[valence == level].mean()
        figures.append(Figure(f"control: minor bars at valence {level:+.1f}", share, "%"))
    return figures
