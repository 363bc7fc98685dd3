"""How well predictions fit ratings, and folds that keep a theme together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


class Fit(NamedTuple):
    """Agreement on one axis. `r_low` and `r_high` bound r with 95 %, themes resampled."""

    r: float
    r_low: float
    r_high: float
    ccc: float
    mae: float


def grouped_folds(groups: Sequence[str], count: int, seed: int) -> Index:
    """A fold number 0..count-1 for each item; all items of one group share it. Same seed, same folds."""
    names = np.unique(np.asarray(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of = {str(names[place]): number % count for number, place in enumerate(order)}
    return np.array([fold_of[group] for group in groups], dtype=np.int64)


def pearson(x: Vector, y: Vector) -> float:
    """Correlation of two vectors; 0 where one does not vary."""
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 0 else 0.0


def concordance(x: Vector, y: Vector) -> float:
    """Lin's concordance correlation coefficient (Lin 1989)."""
    covariance = float(((x - x.mean()) * (y - y.mean())).mean())
    return 2 * covariance / float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def bootstrap(
    measure: Callable[[Vector, Vector], float],
    x: Vector,
    y: Vector,
    groups: Sequence[str],
    seed: int,
    rounds: int = 1000,
) -> tuple[float, float]:
    """The middle 95 % of `measure` over resamplings of whole groups with replacement."""
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(rounds):
        rows = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        found.append(measure(x[rows], y[rows]))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def judge(predicted: Vector, rated: Vector, groups: Sequence[str], seed: int) -> Fit:
    """All measures of one axis."""
    low, high = bootstrap(pearson, predicted, rated, groups, seed)
    return Fit(
        pearson(predicted, rated),
        low,
        high,
        concordance(predicted, rated),
        float(np.abs(predicted - rated).mean()),
    )
