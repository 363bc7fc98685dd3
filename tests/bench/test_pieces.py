"""Pieces are played as asked: the same twice, others otherwise; and no strike is missed or counted twice."""

from __future__ import annotations

import numpy as np

from bench.pieces import DRUMS, Request, curve_of, new_strikes, of_presets, play
from composer.presets import PRESETS
from composer.score import Strike
from composer.weights import SHIPPED


def strike(at: int) -> Strike:
    return Strike(at, "violin@lead", 60, 0.5, 480)


def test_new_strikes_come_once_even_when_equal() -> None:
    first, second, third = strike(0), strike(0), strike(480)
    assert new_strikes((first, second), None) == [first, second]
    fresh = new_strikes((first, second, third), first)
    assert len(fresh) == 2 and fresh[0] is second and fresh[1] is third
    assert new_strikes((first, second, third), third) == []


def test_every_piece_has_a_curve_of_its_own() -> None:
    requests = of_presets(tuple(PRESETS), 3, 60.0, SHIPPED)
    assert len({r.seed for r in requests}) == len(requests) == 24
    assert len({curve_of(r).tobytes() for r in requests}) == 24


def test_a_constant_affect_is_held() -> None:
    curve = curve_of(Request("lofi", 1, 5.0, (0.3, -0.6)))
    assert curve.shape == (50, 2) and np.ptp(curve, axis=0).tolist() == [0.0, 0.0]
    assert curve[0].tolist() == [0.3, -0.6]


def test_the_same_request_is_the_same_piece_and_another_seed_is_not() -> None:
    told: list[float] = []
    first, again, other = (play(Request("lofi", seed, 2.0), told.append) for seed in (1, 1, 2))
    assert np.array_equal(first.notes, again.notes)
    assert np.array_equal(first.sound.power, again.sound.power)
    assert not np.array_equal(first.sound.power, other.sound.power)
    assert told == 3 * [1.0, 2.0]
    assert len(first.notes) > len(first.pitched) > 0, "lofi has drums and notes"
    assert (first.pitched[:, 4] != DRUMS).all()


def test_of_a_long_piece_the_edges_are_enough() -> None:
    whole, edges = (play(Request("lofi", 1, 4.0, edge_s=edge)) for edge in (0.0, 1.0))
    assert np.array_equal(whole.notes, edges.notes)
    assert abs(len(edges.sound.power) - len(whole.sound.power) / 2) < 5
