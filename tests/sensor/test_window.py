"""The window's mathematics, as properties of any stream of readings."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.errors import SensorError
from sensor.reading import Affect, Reading
from sensor.window import PRESETS, AffectWindow, sensor_lag_s

unit = st.floats(-1, 1)
anything = st.floats(allow_nan=True, allow_infinity=True)
presets = st.sampled_from(sorted(PRESETS))


@st.composite
def streams(draw: st.DrawFn) -> list[Reading]:
    """Up to 30 readings at uneven times within a few seconds of each other."""
    gaps = draw(st.lists(st.floats(0.01, 4.0), min_size=1, max_size=30))
    t_s, found = 0.0, []
    for gap in gaps:
        t_s += gap
        found.append(Reading(t_s, draw(unit), draw(unit), draw(st.floats(0, 1)), draw(st.booleans())))
    return found


def filled(readings: list[Reading], preset: str = "balanced") -> AffectWindow:
    window = AffectWindow(preset)
    for reading in readings:
        window.add(reading)
    return window


def steady(value: float, until_s: float, start_s: float = 0.0, hz: float = 8.0) -> list[Reading]:
    count = round((until_s - start_s) * hz)
    return [Reading(start_s + i / hz, value, -value, 1.0, False) for i in range(count)]


@given(presets, st.lists(st.builds(Reading, anything, anything, anything, anything, st.booleans())), anything)
def test_bounded_whatever_comes_in(preset: str, readings: list[Reading], t_s: float) -> None:
    window = filled(readings, preset)
    for at in (t_s, 0.0, *(reading.t_s for reading in readings)):
        valence, arousal, confidence = window.estimate(at)
        assert -1 <= valence <= 1
        assert -1 <= arousal <= 1
        assert 0 <= confidence <= 1


@given(presets, streams(), st.lists(st.floats(0, 60), max_size=8), st.randoms(use_true_random=False))
def test_arrival_order_and_questions_between_change_nothing(
    preset: str, readings: list[Reading], asked: list[float], chance: random.Random
) -> None:
    recent = [reading for reading in readings if reading.t_s > readings[-1].t_s - 7.9]
    late = recent[:]
    chance.shuffle(late)
    stream, shuffled = filled(readings[: -len(recent)], preset), filled(readings[: -len(recent)], preset)
    for reading in recent:
        stream.add(reading)
    for reading in late:
        shuffled.add(reading)
        for at in asked:
            shuffled.estimate(at)
    end_s = readings[-1].t_s
    for at in (end_s - 5, end_s - 0.1, end_s, end_s + 0.2, end_s + 6):
        assert shuffled.estimate(at) == pytest.approx(stream.estimate(at), abs=1e-9)


@given(presets, streams(), st.integers(0, 30))
def test_stream_equals_batch_and_nothing_looks_ahead(preset: str, readings: list[Reading], cut: int) -> None:
    cut = min(cut, len(readings) - 1)
    now_s = readings[cut].t_s
    past = filled([reading for reading in readings if reading.t_s <= now_s], preset).estimate(now_s)
    if readings[-1].t_s - now_s <= 8.0:
        assert filled(readings, preset).estimate(now_s) == pytest.approx(past, abs=1e-9)


@given(presets, unit, unit, st.floats(0.1, 1), st.lists(st.floats(0.05, 0.4), min_size=20, max_size=60))
def test_a_step_is_followed_without_overshoot(
    preset: str, low: float, high: float, confidence: float, gaps: list[float]
) -> None:
    window = filled(steady(low, 12.0), preset)
    t_s, before = 12.0, window.estimate(12.0).valence
    for gap in gaps:
        window.add(Reading(t_s, high, -high, confidence, False))
        for share in (0.25, 0.5, 0.75, 1.0):
            now = window.estimate(t_s + share * gap).valence
            assert min(before, high) - 1e-9 <= now <= max(before, high) + 1e-9
            before = now
        t_s += gap


@settings(deadline=None)
@given(presets, streams())
def test_the_estimate_never_steps(preset: str, readings: list[Reading]) -> None:
    window = AffectWindow(preset)
    steepest = 2.0 / PRESETS[preset].glide_s + 1.0
    for reading in readings:
        before = window.estimate(reading.t_s)
        window.add(reading)
        after = window.estimate(reading.t_s)
        assert after[:2] == pytest.approx(before[:2], abs=1e-9)
        soon = window.estimate(reading.t_s + 0.01)
        assert abs(soon.valence - after.valence) <= 0.01 * steepest


@pytest.mark.parametrize(
    ("preset", "hz", "bound_s"), [("balanced", 4, 1.5), ("reactive", 4, 0.6), ("balanced", 8, 1.5)]
)
def test_lag(preset: str, hz: float, bound_s: float) -> None:
    assert 0.1 < sensor_lag_s(preset, hz) <= bound_s
    assert sensor_lag_s(preset, hz, cut=True) < sensor_lag_s(preset, hz)
    assert sensor_lag_s(preset, hz) < sensor_lag_s("calm", hz)


def test_a_change_is_felt_before_it_is_confirmed() -> None:
    window = filled([*steady(-0.5, 12.0), Reading(12.0, 0.5, 0.0, 1.0, False)])
    assert window.estimate(12.1).valence > -0.5 + 0.005


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_one_wild_frame_hardly_moves_it(preset: str) -> None:
    calm = filled(steady(0.2, 20.0), preset).estimate(12.5).valence
    wild = steady(0.2, 20.0)
    wild[96] = wild[96]._replace(valence=-1.0)
    moved = max(abs(filled(wild, preset).estimate(12 + k / 50).valence - calm) for k in range(100))
    assert moved < {"calm": 0.01, "balanced": 0.03, "reactive": 0.35}[preset]


def test_confidence_weighs() -> None:
    mixed = [
        reading._replace(valence=-0.8, confidence=0.05) if i % 2 else reading
        for i, reading in enumerate(steady(0.4, 12.0))
    ]
    doubted = filled(mixed).estimate(12.0)
    assert doubted.valence > 0.2
    assert doubted.confidence == pytest.approx(0.53, abs=0.1)


def test_video_gone_holds_then_drifts_to_neutral() -> None:
    window = filled(steady(0.6, 12.0))
    held = [window.estimate(12.0 + s).valence for s in (0.5, 1.5, 2.8)]
    assert held == pytest.approx([0.6] * 3, abs=0.01)
    drift = [window.estimate(15.0 + s).valence for s in range(11)]
    assert drift == sorted(drift, reverse=True)
    assert drift[5] == pytest.approx(0.3, abs=0.05)
    assert window.estimate(25.0) == Affect(0.0, 0.0, 0.0)
    assert window.estimate(14.9).confidence < 0.1 < window.estimate(12.5).confidence


def test_black_frames_are_video_gone_too() -> None:
    gone = filled(steady(0.6, 12.0))
    black = filled(steady(0.6, 12.0) + [Reading(12 + i / 8, 0.0, 0.0, 0.0, False) for i in range(96)])
    for at in (12.5, 14.0, 17.0, 21.0):
        assert black.estimate(at)[:2] == pytest.approx(gone.estimate(at)[:2], abs=1e-9)


def test_it_comes_back_from_neutral() -> None:
    window = filled(steady(0.6, 12.0) + steady(-0.4, 50.0, start_s=40.0))
    assert window.estimate(40.05).valence == pytest.approx(0.0, abs=0.1)
    assert window.estimate(49.0).valence == pytest.approx(-0.4, abs=0.01)


def test_neutral_before_the_first_reading() -> None:
    window = AffectWindow()
    assert window.estimate(3.0) == Affect(0.0, 0.0, 0.0)
    window.add(Reading(5.0, 0.9, 0.9, 1.0, False))
    assert window.estimate(4.99) == Affect(0.0, 0.0, 0.0)
    assert window.estimate(5.0).valence == 0.0


def test_memory_is_bounded_in_an_endless_stream() -> None:
    window = AffectWindow()
    for i in range(5000):
        window.add(Reading(i / 10, math.sin(i), 0.0, 1.0, False))
    assert len(window._entries) < 300


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(SensorError, match="calm, balanced, reactive"):
        AffectWindow("frantic")
