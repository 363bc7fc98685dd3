"""Notes as rows: the same there and back, and nothing else is taken for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from composer.played import Begun, Sounded
from composer.remote.notes import events, rows

EVENTS: list[Begun | Sounded] = [
    Begun(0, 24_000, 3, 12, 12, 48, False),
    Sounded(7, "vibes@lead", 72, 0.1),
    Sounded(9, "x@bass", 36, 0.0),
]


def test_there_and_back() -> None:
    assert events(json.loads(json.dumps(rows(EVENTS)))) == EVENTS


def test_a_whole_velocity_is_one() -> None:
    assert events([["note", 0, "x@bass", 36, 0]]) == [Sounded(0, "x@bass", 36, 0.0)]


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "note",
        [["note"]],
        ["rest", 0],
        ["note", 0, "x@bass", 36],
        ["note", 0, "x@bass", 36, 0.5, 1],
        ["note", 0.5, "x@bass", 36, 0.5],
        ["note", 0, "x@bass", True, 0.5],
        ["note", 0, "x@bass", 36, "loud"],
        ["beat", 0, 24_000, 3, 12, 12, 48, 0],
    ],
)
def test_another_row_is_refused(row: Any) -> None:
    with pytest.raises(ValueError, match=r"row of notes|values"):
        events([row])
