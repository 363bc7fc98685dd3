"""Kernel ridge regression from encoder features to (valence, arousal): the fit and the model it leaves.

Features are standardized per dimension, weighted by the importance of the network layer they come from, then
projected on their principal axes. The kernel is exp(-gamma d / 2) with d the weighted mean of the squared
standardized differences; ridge regression in its space has a closed form, so training is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

GAMMA = 1.0
ALPHAS = 10.0 ** np.arange(-2.5, 3.6, 0.75)
"""Ridge strengths to choose from, by inner cross-validation, for each axis on its own."""


class KernelModel(NamedTuple):
    """z = ((f - shift) * scale) @ axes; y = offset + exp(-GAMMA |z - support|^2 / 2) @ weights."""

    shift: npt.NDArray[np.float32]  # (n,)
    scale: npt.NDArray[np.float32]  # (n,)
    axes: npt.NDArray[np.float32]  # (n, r)
    support: npt.NDArray[np.float32]  # (m, r)
    weights: npt.NDArray[np.float32]  # (m, 2)
    offset: npt.NDArray[np.float32]  # (2,)

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(k, n) features to (k, 2) valence and arousal, not clipped."""
        z = ((features - self.shift) * self.scale) @ self.axes
        distance = (z**2).sum(1)[:, None] + (self.support**2).sum(1) - 2 * z @ self.support.T
        kernel: npt.NDArray[np.float32] = np.exp(-GAMMA / 2 * np.maximum(distance, 0))
        result: npt.NDArray[np.float32] = self.offset + kernel @ self.weights
        return result


class Space(NamedTuple):
    """Where distances are taken: made from training pictures only."""

    shift: Vector  # (n,)
    scale: Vector  # (n,)
    axes: Matrix  # (n, r)

    def project(self, features: Matrix) -> Matrix:
        """(k, n) to (k, r)."""
        return ((features - self.shift) * self.scale) @ self.axes


def space_of(features: Matrix, importance: Vector, rank: int) -> Space:
    """The standardized, weighted principal space of `features` (m, n), of at most `rank` axes.

    `importance` (n,) sums to 1: the share of each dimension in the mean squared distance.
    """
    shift = features.mean(0)
    scale = np.sqrt(importance) / (features.std(0) + 1e-6)
    _, _, axes = np.linalg.svd((features - shift) * scale, full_matrices=False)
    return Space(shift, scale, axes[:rank].T)


def kernel_of(a: Matrix, b: Matrix) -> Matrix:
    """(k, r) and (m, r) to (k, m)."""
    distance = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    result: Matrix = np.exp(-GAMMA / 2 * np.maximum(distance, 0))
    return result


def ridge_weights(kernel: Matrix, ratings: Matrix) -> tuple[Matrix, Matrix]:
    """For every alpha of `ALPHAS`: weights (A, m, 2), offsets (A, 2); y = offset + kernel @ weights.

    Ridge about the mean: the kernel is centered in feature space and the offset is not penalized.
    """
    m = len(kernel)
    mean = ratings.mean(0)
    column = kernel.mean(0)
    centered = kernel - column - column[:, None] + column.mean()
    values, vectors = np.linalg.eigh(centered)
    rotated = vectors.T @ (ratings - mean)
    weights = np.stack([vectors @ (rotated / (np.maximum(values, 0) + alpha)[:, None]) for alpha in ALPHAS])
    # Undo the centering of rows: weights that sum to zero make the row means of a new kernel drop out.
    weights -= weights.sum(1, keepdims=True) / m
    offsets = mean - np.einsum("m,amk->ak", column, weights)
    return weights, offsets


def cross_predict(points: Matrix, ratings: Matrix, folds: Index) -> Matrix:
    """Out-of-fold predictions (A, m, 2) for every alpha; `folds` (m,) numbers each picture's fold."""
    kernel = kernel_of(points, points)
    out = np.empty((len(ALPHAS), *ratings.shape))
    for fold in np.unique(folds):
        test = folds == fold
        train = ~test
        weights, offsets = ridge_weights(kernel[np.ix_(train, train)], ratings[train])
        out[:, test] = kernel[np.ix_(test, train)] @ weights + offsets[:, None]
    return out


def fit(features: Matrix, ratings: Matrix, folds: Index, importance: Vector, rank: int) -> KernelModel:
    """Fit (m, n) features to (m, 2) ratings; `folds` (m,) choose the ridge strength, grouped as they are.

    Ridge regression pulls predictions together, to about r times the spread of the ratings. Half of that
    loss, on the log scale, is given back: concordance is then nearly as high as it can be, and the error
    grows little.
    """
    space = space_of(features, importance, rank)
    points = space.project(features)
    inner = cross_predict(points, ratings, folds)
    best = ((inner - ratings) ** 2).mean(1).argmin(0)  # (2,)
    weights, offsets = ridge_weights(kernel_of(points, points), ratings)
    mean = ratings.mean(0)
    chosen_weights, chosen_offset = np.empty((len(points), 2)), np.empty(2)
    for axis in (0, 1):
        spread = inner[best[axis], :, axis].std()
        gain = np.sqrt(max(1.0, ratings[:, axis].std() / max(spread, 1e-9)))
        # Constant predictions carry no signal to spread.
        gain = min(gain, 2.0)
        chosen_weights[:, axis] = gain * weights[best[axis], :, axis]
        chosen_offset[axis] = mean[axis] + gain * (offsets[best[axis], axis] - mean[axis])
    return KernelModel(
        *(each.astype(np.float32) for each in (*space, points, chosen_weights, chosen_offset)),
    )
