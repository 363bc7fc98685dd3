from typing import NamedTuple

import pytest

from stream.number_log import NumberLog


class Row(NamedTuple):
    at: int
    level: float
    loud: bool


def test_rows_come_back_as_they_went_in_oldest_first() -> None:
    log = NumberLog(Row, 4)
    rows = [Row(2**52 + 1, 0.1, True), Row(-3, float("inf"), False)]
    log.extend(rows)
    back = list(log)
    assert back == rows and len(log) == 2
    assert [type(value) for value in back[0]] == [int, float, bool]


@pytest.mark.parametrize("count", [4, 5, 8, 11])
def test_a_full_log_forgets_the_oldest(count: int) -> None:
    log = NumberLog(Row, 4)
    log.extend(Row(i, i / 2, i % 2 == 0) for i in range(count))
    assert [row.at for row in log] == list(range(count - 4, count)) and len(log) == 4


def test_memory_is_taken_once() -> None:
    log = NumberLog(Row, 64)
    held = log._rows.__array_interface__["data"]
    log.extend(Row(i, 0.0, False) for i in range(1000))
    assert log._rows.__array_interface__["data"] == held


def test_an_iteration_is_not_disturbed_by_what_is_added() -> None:
    log = NumberLog(Row, 2)
    log.append(Row(1, 0.0, False))
    rows = iter(log)
    log.extend([Row(2, 0.0, False), Row(3, 0.0, False)])
    assert [row.at for row in rows] == [1]
