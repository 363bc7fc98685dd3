"""Rank statistics: correlation that asks only for the same order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def ranks(values: Array) -> Array:
    """Ranks from 1, ties at their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[inverse])


def spearman(x: Array, y: Array) -> float:
    """Rank correlation; 0 where either does not move at all."""
    a, b = ranks(x), ranks(y)
    if a.std() == 0.0 or b.std() == 0.0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def together(*features: Array) -> Array:
    """Features of any units as one: the mean of their ranks, each with equal weight."""
    return np.asarray(np.mean([ranks(feature) for feature in features], axis=0))
