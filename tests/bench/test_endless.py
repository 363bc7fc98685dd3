"""A loop, a hole, a fade and a rut are each found; steady new music passes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from bench import endless
from bench.hearing import HOP_S, Sound

Array = npt.NDArray[np.float64]

QUARTER_S = 0.5


def invented(seed: int, bars: int) -> Array:
    """Four quarters a bar, a random pitch each, a little late; columns as in `bench.pieces.Piece.notes`."""
    random = np.random.default_rng(seed)
    count = 4 * bars
    onset = np.arange(count) * QUARTER_S + random.uniform(0.0, 0.02, count)
    ones = np.ones(count)
    return np.stack([onset, 0.4 * ones, random.integers(48, 84, count), ones, 0 * ones, 0 * ones], axis=1)


def again(notes: Array, bars: int) -> Array:
    """The same notes `bars` later."""
    later = notes.copy()
    later[:, 0] += bars * 4 * QUARTER_S
    return later


def sounding(level: Array) -> Sound:
    flat = np.zeros(len(level))
    return Sound(level, level, flat, flat, flat[:, None], np.zeros((1, 12)), np.zeros(1))


def frames(seconds: float) -> int:
    return math.ceil(seconds / HOP_S)


def test_a_looped_piece_is_caught_though_its_player_is_never_twice_on_time() -> None:
    eight = invented(1, 8)
    jitter = again(eight, 20)
    jitter[:, 0] += np.random.default_rng(2).uniform(0.0, 0.01, len(jitter))
    piece = np.concatenate([eight, again(invented(3, 12), 8), jitter])
    assert endless.longest_repeat(endless.bars_of(piece, QUARTER_S, 4)) == endless.Repeat(8, 0, 20)


def test_a_loop_for_ever_is_caught() -> None:
    piece = np.concatenate([again(invented(1, 4), 4 * k) for k in range(12)])
    assert endless.longest_repeat(endless.bars_of(piece, QUARTER_S, 4)).bars >= 20


def test_new_music_has_no_repeat_and_one_changed_note_breaks_one() -> None:
    assert endless.longest_repeat(endless.bars_of(invented(1, 200), QUARTER_S, 4)).bars == 0
    changed = again(invented(1, 8), 8)
    changed[14, 2] += 1
    bars = endless.bars_of(np.concatenate([invented(1, 8), changed]), QUARTER_S, 4)
    assert endless.longest_repeat(bars).bars == 4


def test_a_hole_is_measured_and_the_quiet_before_the_first_note_is_not() -> None:
    level = np.full(frames(60.0), 1e-2)
    level[: frames(2.0)] = 0.0
    assert endless.longest_gap_s(sounding(level)) == 0.0
    level[frames(20.0) : frames(21.0)] = 1e-9
    assert endless.longest_gap_s(sounding(level)) == pytest.approx(1.0, abs=0.05)
    assert endless.longest_gap_s(sounding(np.zeros(frames(5.0)))) == pytest.approx(5.0, abs=0.05)


def test_a_fade_shows_in_the_minutes() -> None:
    level = np.geomspace(1e-2, 1e-2 / 2, frames(300.0), dtype=np.float64)
    loudness = endless.minute_loudness(sounding(level))
    assert len(loudness) == 5 and np.ptp(loudness) == pytest.approx(0.8 * 3.01, abs=0.05)


def test_novelty_of_invention_stays_and_of_a_rut_falls() -> None:
    fresh = endless.novelty(invented(1, 300), 10, 2)
    assert fresh.min() > 0.95
    rut = np.concatenate([invented(1, 150), *(again(invented(4, 4), 150 + 4 * k) for k in range(37))])
    stale = endless.novelty(rut, 9, 2)
    assert stale[:2].min() > 0.95 and stale[-2:].max() < 0.05
