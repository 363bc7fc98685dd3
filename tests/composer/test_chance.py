"""Chance without state: the same question, the same answer; different questions, evenly spread ones."""

from __future__ import annotations

import statistics

from composer.chance import choose, spread, uniform


def test_it_depends_on_the_seed_and_on_every_place() -> None:
    assert uniform(1, 2, 3) == uniform(1, 2, 3)
    assert (
        len({uniform(1, 2, 3), uniform(2, 2, 3), uniform(1, 3, 3), uniform(1, 2, 4), uniform(1, 3, 2)}) == 5
    )
    assert uniform(-7, -1) == uniform(-7, -1)


def test_uniform_is_uniform() -> None:
    drawn = [uniform(5, k) for k in range(20_000)]
    assert all(0.0 <= x < 1.0 for x in drawn)
    assert abs(statistics.fmean(drawn) - 0.5) < 0.01
    assert abs(statistics.pstdev(drawn) - 12.0**-0.5) < 0.01


def test_spread_is_a_bell_around_zero() -> None:
    drawn = [spread(5, k) for k in range(20_000)]
    assert all(-1.0 < x < 1.0 for x in drawn)
    assert abs(statistics.fmean(drawn)) < 0.01
    assert 0.25 < statistics.pstdev(drawn) < 0.33


def test_choose_reaches_every_index_and_no_other() -> None:
    assert {choose(3, 4, k) for k in range(200)} == {0, 1, 2, 3}
