"""The slow stretch of a session's range: sign and order kept, nothing out of bounds, slow."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.adaptation import Adaptation, AdaptationMode
from sensor.errors import SensorError

unit = st.floats(-1, 1)
histories = st.lists(st.tuples(unit, unit), max_size=40)
modes = st.sampled_from(["off", "half", "full"])


def learned(points: list[tuple[float, float]], mode: AdaptationMode, step_s: float = 20.0) -> Adaptation:
    adaptation = Adaptation(mode)
    for i, (valence, arousal) in enumerate(points):
        adaptation.learn(valence, arousal, i * min(step_s, 1.0))
    return adaptation


@given(histories, modes, st.lists(unit, min_size=2, max_size=10))
def test_sign_order_and_bounds_are_kept(
    history: list[tuple[float, float]], mode: AdaptationMode, values: list[float]
) -> None:
    adaptation = learned(history * 10, mode)
    values.sort()
    for axis in (0, 1):
        out = [adaptation.stretch(value, value)[axis] for value in values]
        assert all(a <= b + 1e-12 for a, b in pairwise(out))
        for value, stretched in zip(values, out, strict=True):
            assert -1 <= stretched <= 1
            assert value * stretched >= 0


def corner(mode: AdaptationMode, seconds: int = 600) -> Adaptation:
    """A session that stays between -0.30 and -0.20 valence."""
    return learned([(-0.25 + 0.05 * math.sin(i), 0.1) for i in range(seconds)], mode)


def spread(adaptation: Adaptation) -> float:
    return adaptation.stretch(-0.2, 0.1)[0] - adaptation.stretch(-0.3, 0.1)[0]


def test_a_corner_is_stretched() -> None:
    off, half, full = (spread(corner(mode)) for mode in ("off", "half", "full"))
    assert off == pytest.approx(0.1)
    assert full > 0.2
    assert off < half < full


def test_it_is_slow() -> None:
    assert spread(corner("full", 5)) < 0.15
    assert corner("full", 0).stretch(0.3, -0.2) == (0.3, -0.2)


def test_what_is_not_finite_is_not_learned() -> None:
    adaptation = corner("full")
    before = spread(adaptation)
    for value in (math.nan, math.inf):
        adaptation.learn(value, 0.0, 700.0)
        adaptation.learn(0.0, 0.0, value)
    assert spread(adaptation) == before


def test_unknown_mode() -> None:
    with pytest.raises(SensorError, match="off, half, full"):
        Adaptation("twice")  # type: ignore[arg-type]
