"""The measure of control: finds what follows, and nothing where the curve is another's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench import control
from bench.control import HOP_S, WINDOW_S, Windows
from bench.pieces import CURVE_HZ, random_curve
from bench.ranks import ranks, spearman, together

Array = npt.NDArray[np.float64]

SECONDS = 300.0
START_S = np.arange(0.0, SECONDS - WINDOW_S, HOP_S)


def follower(curve: Array, seed: int, noise: float) -> Windows:
    """Windows of a piece that does as it is told, as much as `noise` lets it."""
    random = np.random.default_rng(seed)
    v, a = control.commanded(curve, START_S, 0.0).T

    def like(x: Array) -> Array:
        return np.asarray(x + noise * random.standard_normal(len(x)))

    return Windows(START_S, like(a), like(a), like(a), like(a), like(v), like(v), like(v), like(v))


def test_spearman_sees_order_only_and_ties_share_ranks() -> None:
    assert spearman(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 8.0, 9.0, 100.0])) == pytest.approx(1.0)
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.0, 5.0])) == 0.0
    assert ranks(np.array([7.0, 1.0, 7.0])).tolist() == [2.5, 1.0, 2.5]


def test_together_weighs_features_of_any_unit_alike() -> None:
    up, down = np.arange(10.0), 1e9 * np.arange(10.0)[::-1]
    assert np.ptp(together(up, down)) == pytest.approx(0.0)


def test_curves_are_smooth_wide_independent_and_their_own() -> None:
    curve = random_curve(3, SECONDS)
    assert curve.shape == (int(SECONDS * CURVE_HZ), 2)
    assert np.abs(np.diff(curve, axis=0)).max() < 0.05
    assert np.allclose(np.ptp(curve, axis=0), 2.0, atol=0.01)
    assert abs(np.corrcoef(curve[:, 0], curve[:, 1])[0, 1]) < 0.15
    assert not np.array_equal(curve, random_curve(4, SECONDS))
    assert np.array_equal(curve, random_curve(3, SECONDS))


def test_a_follower_is_found_and_axes_are_kept_apart() -> None:
    curve = random_curve(1, SECONDS)
    got = control.correlations(follower(curve, 1, 0.2), curve)
    assert got["arousal"] > 0.9 and got["valence"] > 0.85
    assert abs(got["arousal against mode"]) < 0.4 and abs(got["valence against note rate"]) < 0.4


def test_who_does_the_opposite_or_nothing_is_found_out() -> None:
    curve = random_curve(1, SECONDS)
    assert control.correlations(follower(-curve, 1, 0.2), curve)["valence"] < -0.8
    assert abs(control.correlations(follower(0 * curve, 1, 0.2), curve)["arousal"]) < 0.35


def test_other_curves_give_nothing() -> None:
    rows = []
    for seed in range(1, 9):
        curve = random_curve(seed, SECONDS)
        rows.append(("cinematic", follower(curve, seed, 0.1), curve))
    chance = control.mismatched(rows)
    assert abs(chance["arousal"]) < 0.1 and abs(chance["valence"]) < 0.1


def test_what_comes_late_is_compared_with_the_earlier_curve() -> None:
    curve = np.tile(np.linspace(-1.0, 1.0, 1000)[:, None], (1, 2))
    now = control.commanded(curve, np.array([20.0]), 0.0)
    earlier = control.commanded(curve, np.array([22.0]), 2.0)
    assert earlier == pytest.approx(now)
