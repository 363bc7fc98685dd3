from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.sound.pacer import Pacer


def test_on_time_blocks_follow_the_clock_exactly() -> None:
    pacer, now_s = Pacer(100.0, 960, 48_000), 100.0
    for block in range(1000):
        now_s += pacer.wait_s(now_s)
        assert pacer.advance(now_s) == 960 * block
    assert abs(now_s - (100.0 + 999 * 0.02)) < 1e-9
    assert pacer.skipped_blocks == 0


def test_sleeping_too_long_each_time_does_not_add_up() -> None:
    pacer, now_s = Pacer(0.0, 960, 48_000), 0.0
    for _ in range(500):
        now_s += pacer.wait_s(now_s) + 0.003
        pacer.advance(now_s)
    assert now_s < 500 * 0.02 + 0.004


def test_a_little_lateness_is_made_up() -> None:
    pacer = Pacer(0.0, 960, 48_000, max_late_blocks=3)
    assert pacer.advance(0.0) == 0
    assert [pacer.advance(0.065) for _ in range(3)] == [960, 1920, 2880]
    assert pacer.wait_s(0.065) > 0
    assert pacer.skipped_blocks == 0


def test_a_long_gap_is_skipped_not_burst() -> None:
    pacer = Pacer(0.0, 960, 48_000, max_late_blocks=3)
    pacer.advance(0.0)
    assert pacer.advance(10.0) == 500 * 960
    assert pacer.wait_s(10.0) > 0.019
    assert pacer.skipped_blocks == 499


@given(st.lists(st.floats(0, 2), max_size=60))
def test_the_sample_clock_only_goes_forward_and_never_runs_ahead(naps: list[float]) -> None:
    pacer, now_s, last = Pacer(0.0, 960, 48_000), 0.0, -960
    for nap in naps:
        now_s += max(nap, pacer.wait_s(now_s))
        sample = pacer.advance(now_s)
        assert sample >= last + 960
        assert sample / 48_000 <= now_s + 1e-9
        last = sample
