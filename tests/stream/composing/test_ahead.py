"""How far ahead music is made, by what the ring held: no clock, no ring."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.composing.ahead import CALM_SAMPLES, ROOM, Ahead

BLOCK = 480
FLOOR, CEILING = 12 * BLOCK, 24 * BLOCK


def full(floor: int = FLOOR, ceiling: int = CEILING) -> Ahead:
    """One whose ring has just been full."""
    ahead = Ahead(floor, ceiling)
    fill(ahead)
    return ahead


def fill(ahead: Ahead, level: int = 0) -> None:
    while ahead.has_room(level, BLOCK):
        ahead.note(level, BLOCK)
        level += BLOCK


def calm(ahead: Ahead, late: int, samples: int = CALM_SAMPLES) -> None:
    """Blocks come in time, `late` samples after there was room."""
    for _ in range(samples // BLOCK):
        ahead.note(ahead.samples - late, BLOCK)


@given(st.lists(st.integers(0, FLOOR // BLOCK), max_size=40))
def test_before_the_ring_was_full_nothing_is_late(levels: list[int]) -> None:
    ahead = Ahead(FLOOR, CEILING)
    for level in levels:
        if not ahead.has_room((level + 1) * BLOCK, BLOCK):
            break
        assert not ahead.note(level * BLOCK, BLOCK)
    assert ahead.samples == FLOOR


def test_a_near_miss_makes_room_for_it_twice_over() -> None:
    ahead = full()
    assert not ahead.note(FLOOR // 4, BLOCK)
    assert ahead.note(FLOOR // 4 - 1, BLOCK)
    assert ahead.samples == 2 * (FLOOR - FLOOR // 4 + 1)


def test_a_ring_that_ran_dry_is_doubled_and_looked_at_again_when_it_is_full() -> None:
    ahead = full(FLOOR, 8 * FLOOR)
    assert ahead.note(0, BLOCK)
    assert ahead.samples == ROOM * FLOOR
    fill(ahead, BLOCK)
    assert ahead.samples == ROOM * FLOOR
    assert ahead.note(0, BLOCK)
    assert ahead.samples == ROOM * ROOM * FLOOR


def test_calm_gives_back_an_eighth_at_a_time_down_to_the_floor() -> None:
    ahead = full()
    ahead.note(0, BLOCK)
    fill(ahead)
    seen = [ahead.samples]
    while ahead.samples > FLOOR:
        calm(ahead, 2 * BLOCK)
        assert seen[-1] - seen[-1] // 8 == ahead.samples or ahead.samples == FLOOR
        seen.append(ahead.samples)
    assert len(seen) == 7  # three minutes
    calm(ahead, 2 * BLOCK, 10 * CALM_SAMPLES)
    assert ahead.samples == FLOOR


@given(st.integers(FLOOR // 2, FLOOR), st.integers(1, 60))
def test_what_is_as_late_again_and_again_moves_it_once(late: int, every_s: int) -> None:
    """Whatever comes at least every calm time is remembered."""
    ahead, changes = full(), 0
    for _ in range(8 * 60 // every_s):
        changes += ahead.note(max(ahead.samples - late, 0), BLOCK)
        fill(ahead, max(ahead.samples - late, 0))
        for _ in range(min(every_s, 29) * 100 - 1):
            changes += ahead.note(ahead.samples - 2 * BLOCK, BLOCK)
    assert changes <= 1


@given(st.lists(st.tuples(st.integers(0, CEILING), st.integers(1, CALM_SAMPLES)), max_size=200))
def test_it_stays_within_its_bounds_grows_on_a_near_miss_and_shrinks_by_little(
    blocks: list[tuple[int, int]],
) -> None:
    ahead = Ahead(FLOOR, CEILING)
    for level, count in blocks:
        if not ahead.has_room(level, 0):
            continue
        before = ahead.samples
        changed = ahead.note(level, count)
        assert changed == (ahead.samples != before)
        assert FLOOR <= ahead.samples <= CEILING
        if ahead.samples > before:
            assert 4 * level < before
        assert ahead.samples >= before - before // 8


def test_there_is_something_to_keep() -> None:
    for floor, ceiling in ((0, 10), (10, 9)):
        with pytest.raises(ValueError, match="nothing to keep"):
            Ahead(floor, ceiling)
