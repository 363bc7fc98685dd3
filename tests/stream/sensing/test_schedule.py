from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from stream.sensing.schedule import LONGEST_PERIOD_S, SensingSchedule


def simulate(schedule: SensingSchedule, costs: dict[str, float], seconds: float) -> Counter[str]:
    """One thread, always a new frame: how often each session is read."""
    now_s, counts = 0.0, Counter[str]()
    for name in costs:
        schedule.add(name, lambda: True, now_s)
    while now_s < seconds:
        key = schedule.next_turn(now_s)
        if key is None:
            now_s += max(schedule.wait_s(now_s, 0.02), 1e-4)
            continue
        assert isinstance(key, str)
        now_s += costs[key]
        counts[key] += 1
        schedule.done(key, costs[key])
    return counts


def test_a_cheap_sensor_is_asked_at_the_wanted_rate() -> None:
    counts = simulate(SensingSchedule(8.0, threads=1, duty=0.5), {"a": 0.01}, 10.0)
    assert 76 <= counts["a"] <= 81


def test_sessions_are_served_alike() -> None:
    counts = simulate(SensingSchedule(8.0, 1, 0.5), {"a": 0.02, "b": 0.02, "c": 0.02}, 10.0)
    assert max(counts.values()) - min(counts.values()) <= 2


def test_a_dear_sensor_is_asked_less_often_and_starves_nobody() -> None:
    counts = simulate(SensingSchedule(8.0, 1, 0.5), {"dear": 0.09, "cheap": 0.01}, 20.0)
    busy = counts["dear"] * 0.09 + counts["cheap"] * 0.01
    assert busy / 20.0 < 0.6
    assert abs(counts["dear"] - counts["cheap"]) <= 3
    assert counts["dear"] / 20.0 > 4


def test_overload_slows_down_to_a_floor() -> None:
    schedule = SensingSchedule(8.0, 1, 0.5)
    simulate(schedule, {name: 0.4 for name in "abcdefgh"}, 30.0)
    assert schedule.period_s == LONGEST_PERIOD_S


def longest_waits(
    schedule: SensingSchedule, cost_s: float, arrivals: dict[str, float], seconds: float
) -> dict[str, float]:
    """The longest time without a reading of each session, a new picture every so often: one thread."""
    now_s, last = 0.0, dict.fromkeys(arrivals, 0.0)
    longest, taken = dict.fromkeys(arrivals, 0.0), dict.fromkeys(arrivals, -1)

    def waiting(name: str) -> bool:
        return int(now_s / arrivals[name]) > taken[name]

    for name in arrivals:
        schedule.add(name, partial(waiting, name), now_s)
    while now_s < seconds:
        key = schedule.next_turn(now_s)
        if key is None:
            now_s += max(schedule.wait_s(now_s, 0.02), 1e-4)
            continue
        assert isinstance(key, str)
        taken[key] = int(now_s / arrivals[key])
        now_s += cost_s
        longest[key], last[key] = max(longest[key], now_s - last[key]), now_s
        schedule.done(key, cost_s)
    return {name: max(longest[name], now_s - last[name]) for name in arrivals}


@pytest.mark.parametrize("readings_hz", [8.0, 2.0, 1.25])
@pytest.mark.parametrize("sessions", [1, 8, 10])
@pytest.mark.parametrize("cost_s", [0.01, 0.04, 0.07])
def test_everybody_is_read_once_a_second_while_that_fits(
    readings_hz: float, sessions: int, cost_s: float
) -> None:
    """Also where readings are so dear that they come as rarely as they may: once a second was aimed at, and
    missed by as much as a picture was late."""
    schedule = SensingSchedule(readings_hz, 1, 0.32)
    waits = longest_waits(schedule, cost_s, {f"s{n}": 0.1 for n in range(sessions)}, 60.0)
    assert max(waits.values()) <= 1.0
    assert schedule.carries(0)


def test_whoever_has_a_picture_rarely_is_not_passed_over() -> None:
    rates = {f"s{n}": 1 / 30 for n in range(8)} | {"rare": 0.9}
    waits = longest_waits(SensingSchedule(8.0, 1, 0.32), 0.05, rates, 60.0)
    assert waits["rare"] <= 1.5 and max(waits.values()) <= 1.5


def test_where_it_does_not_fit_all_wait_alike() -> None:
    schedule = SensingSchedule(1.25, 1, 0.32)
    waits = longest_waits(schedule, 0.3, {f"s{n}": 0.1 for n in range(8)}, 60.0)
    assert max(waits.values()) <= 8 * 0.3 + 0.35 and min(waits.values()) >= 8 * 0.3 - 0.35
    assert not schedule.carries(0)


def test_one_more_is_carried_while_all_fit_into_the_longest_period() -> None:
    schedule = SensingSchedule(8.0, 1, 0.32)
    assert schedule.carries(1), "nothing is known"
    simulate(schedule, {name: 0.11 for name in "abcdef"}, 5.0)
    assert schedule.carries(1) and not schedule.carries(2)
    schedule.add("new", lambda: False, 5.0)
    assert not schedule.carries(1), "one that was never read will be"


def test_nothing_new_means_no_turn_and_a_busy_session_gets_no_second() -> None:
    schedule = SensingSchedule(8.0, 2, 0.5)
    fresh = {"a": True, "b": False}
    for name in fresh:
        schedule.add(name, lambda name=name: fresh[name], 0.0)  # type: ignore[misc]
    assert schedule.next_turn(0.0) == "a"
    assert schedule.next_turn(5.0) is None
    fresh["b"] = True
    assert schedule.next_turn(5.0) == "b"
    schedule.done("a", 0.01)
    assert schedule.next_turn(5.0) == "a"


def test_removed_while_read_is_forgotten() -> None:
    schedule = SensingSchedule(8.0, 1, 0.5)
    schedule.add("a", lambda: True, 0.0)
    schedule.next_turn(0.0)
    schedule.remove("a")
    schedule.done("a", 0.01)
    assert schedule.next_turn(9.0) is None
