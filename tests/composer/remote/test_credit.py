"""What is asked for in advance follows the way there, up at once and down when it is surely shorter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from composer.remote.credit import MAX_AHEAD_SAMPLES, REMEMBERED_SAMPLES, STEP_SAMPLES, Credit, ahead_for


def test_it_is_twice_the_round_trip_within_bounds() -> None:
    assert ahead_for(0.0) == 480
    assert ahead_for(0.004) == 480
    assert ahead_for(0.030) == 2880
    assert ahead_for(9.0) == MAX_AHEAD_SAMPLES


def test_a_way_that_becomes_longer_counts_at_once_and_one_that_becomes_shorter_within_a_minute() -> None:
    credit = Credit(0.010)
    assert credit.samples == 960
    credit.note(0.100, 480)
    assert credit.samples == 9600
    for _ in range(REMEMBERED_SAMPLES // 480):
        credit.note(0.010, 480)
        assert credit.samples == 9600
    for _ in range(REMEMBERED_SAMPLES // 480):
        credit.note(0.010, 480)
    assert credit.samples == 960


@given(st.floats(0.0, 10.0), st.lists(st.tuples(st.floats(0.0, 10.0), st.integers(0, 10**6)), max_size=30))
def test_it_is_never_less_than_the_last_round_trip_asks_for(
    first_s: float, rest: list[tuple[float, int]]
) -> None:
    credit, longest = Credit(first_s), ahead_for(first_s)
    for round_trip_s, handed_out in rest:
        credit.note(round_trip_s, handed_out)
        longest = max(longest, ahead_for(round_trip_s))
        assert STEP_SAMPLES <= ahead_for(round_trip_s) <= credit.samples <= longest
