"""The complementary filter: the slow reading's level, the fast one's movement, and no harm from either."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.fusion import Fusion, FusionConfig

UNIT = st.floats(-1, 1)
WILD = st.one_of(st.floats(), st.floats(-2, 2))
STEP_S = 0.125


def run(
    seconds: float, fast: float, slow: float | None, lag_s: float = 0.5, fusion: Fusion | None = None
) -> Fusion:
    """Constant readings: fast 8 a second, slow once a second and `lag_s` late. Valence only."""
    fusion = fusion or Fusion()
    begin_s = max(0.0, fusion._now_s)
    answers: list[tuple[float, float]] = []
    for i in range(1, round(seconds / STEP_S) + 1):
        t_s = begin_s + i * STEP_S
        while answers and answers[0][0] <= t_s:
            fusion.slow(answers.pop(0)[1], (slow or 0.0, 0.0), 1.0)
        fusion.fast(t_s, (fast, 0.0))
        if slow is not None and i % 8 == 0:
            answers.append((t_s + lag_s, t_s))
    return fusion


def now(fusion: Fusion, fast: float) -> float:
    return fusion.fast(fusion._now_s, (fast, 0.0))[0]


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=30))
def test_without_a_slow_reading_the_fast_one_stands(points: list[tuple[float, float]]) -> None:
    fusion = Fusion()
    for i, point in enumerate(points):
        assert fusion.fast(i * STEP_S, point) == point


@pytest.mark.parametrize("lag_s", [0.2, 2.0, 8.0])
def test_the_level_is_the_slow_readings_however_late(lag_s: float) -> None:
    fusion = run(40.0, -0.2, 0.5, lag_s)
    assert now(fusion, -0.2) == pytest.approx(0.5, abs=0.02)


def test_the_movement_is_the_fast_readings() -> None:
    fusion = run(40.0, -0.2, 0.3)
    at_s = fusion._now_s
    still = fusion.fast(at_s + STEP_S, (-0.2, 0.0))[0]
    moved = fusion.fast(at_s + 2 * STEP_S, (0.1, 0.0))[0]
    assert moved - still == pytest.approx(0.3, abs=0.02), "at once, long before the slow one can know"


def test_a_slow_answer_never_steps_the_output() -> None:
    fusion = run(5.0, 0.0, None)
    last = now(fusion, 0.0)
    fusion.slow(fusion._now_s, (1.0, -1.0), 1.0)
    largest = 0.0
    for _ in range(80):
        found = fusion.fast(fusion._now_s + STEP_S, (0.0, 0.0))[0]
        largest = max(largest, abs(found - last))
        last = found
    assert last == pytest.approx(0.5, abs=0.01)
    assert largest < 0.07


def test_a_slow_reading_that_falls_silent_is_forgotten() -> None:
    fusion = run(40.0, 0.0, 0.6)
    held = run(8.0, 0.0, None, fusion=fusion)
    assert now(held, 0.0) == pytest.approx(0.6, abs=0.05)
    gone = run(25.0, 0.0, None, fusion=held)
    assert now(gone, 0.0) == 0.0
    # What comes back does not begin where it once was.
    gone.slow(gone._now_s, (-0.5, 0.0), 1.0)
    assert abs(gone.fast(gone._now_s + 0.01, (0.0, 0.0))[0]) < 0.02


def test_doubt_corrects_less() -> None:
    levels = []
    for confidence in (1.0, 0.2):
        fusion = run(1.0, 0.0, None)
        fusion.slow(1.0, (0.8, 0.0), confidence)
        levels.append(now(run(5.0, 0.0, None, fusion=fusion), 0.0))
    assert levels[0] == pytest.approx(0.4, abs=0.01) and levels[1] == pytest.approx(0.08, abs=0.01)


@pytest.mark.parametrize(
    ("t_s", "point", "confidence"),
    [
        (math.nan, (0.9, 0.9), 1.0),
        (1.0, (math.nan, 0.9), 1.0),
        (1.0, (0.9, math.inf), 1.0),
        (1.0, (0.9, 0.9), 0.0),
        (1.0, (0.9, 0.9), math.nan),
        (-90.0, (0.9, 0.9), 1.0),
        (77.0, (0.9, 0.9), 1.0),
    ],
)
def test_a_slow_reading_of_no_use_is_ignored(
    t_s: float, point: tuple[float, float], confidence: float
) -> None:
    fusion = run(2.0, 0.1, None)
    fusion.slow(t_s, point, confidence)
    assert now(run(5.0, 0.1, None, fusion=fusion), 0.1) == 0.1


def test_nothing_seen_is_nothing_to_compare_with() -> None:
    fusion = Fusion()
    fusion.fast(1.0, (0.0, 0.0), known=False)
    fusion.slow(1.0, (0.9, 0.9), 1.0)
    assert fusion.fast(5.0, (0.0, 0.0)) == (0.0, 0.0)


@given(
    st.lists(
        st.tuples(st.booleans(), WILD, WILD, WILD, st.floats(0, 1)),
        max_size=40,
    )
)
def test_whatever_comes_the_output_is_bounded(events: list[tuple[bool, float, float, float, float]]) -> None:
    fusion = Fusion(FusionConfig(match_s=5.0))
    for i, (is_slow, t_s, valence, arousal, confidence) in enumerate(events):
        if is_slow:
            fusion.slow(t_s, (valence, arousal), confidence)
        else:
            fusion.fast(i * STEP_S if i % 3 else t_s, (valence, arousal))
    for each in fusion.fast(1e9, (0.3, -0.3)):
        assert -1 <= each <= 1


def test_memory_is_bounded() -> None:
    fusion = run(200.0, 0.0, None)
    assert len(fusion._past) <= 60 / STEP_S + 2
