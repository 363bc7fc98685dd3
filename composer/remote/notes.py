"""What was played, as rows of plain values: how beats and notes travel. Pure; the same there and back.

rows(events)        # [["beat", 0, 24000, 0, 0, 12, 48, False], ["note", 0, "felt_piano@lead", 72, 0.41]]
events(rows)        # what `composer.played` has
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_type_hints

from composer.played import Begun, Sounded

_KINDS: dict[str, type[Begun | Sounded]] = {"beat": Begun, "note": Sounded}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_TYPES = {kind: tuple(get_type_hints(kind).values()) for kind in _NAMES}


def rows(events: Iterable[Begun | Sounded]) -> list[list[Any]]:
    return [[_NAMES[type(event)], *event] for event in events]


def events(rows: Iterable[Any]) -> list[Begun | Sounded]:
    """Raises ValueError for what is no such row."""
    return [_event(row) for row in rows]


def _event(row: Any) -> Begun | Sounded:
    if not isinstance(row, list) or not row or not isinstance(row[0], str) or row[0] not in _KINDS:
        raise ValueError("A row of notes begins with beat or note.")
    kind, values = _KINDS[row[0]], row[1:]
    types = _TYPES[kind]
    if len(values) != len(types):
        raise ValueError(f"A {row[0]} has {len(types)} values.")
    # A velocity of 0 may come as a whole number.
    exact: list[Any] = [
        float(value) if wanted is float and type(value) is int else value
        for value, wanted in zip(values, types, strict=True)
    ]
    if any(type(value) is not wanted for value, wanted in zip(exact, types, strict=True)):
        raise ValueError(f"The values of a {row[0]} are not what they should be.")
    return kind(*exact)
