from __future__ import annotations

from collections import Counter

from stream.sensing.schedule import SLOWEST_HZ, SensingSchedule


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
    assert schedule.period_s == 1.0 / SLOWEST_HZ


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
