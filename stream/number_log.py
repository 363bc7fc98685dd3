"""A history of rows of numbers whose memory is taken once: a log that grows for minutes looks like a leak."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar, get_type_hints

import numpy as np

Row = TypeVar("Row", bound=tuple[Any, ...])

_STORED = {int: np.int64, float: np.float64, bool: np.bool_}


class NumberLog(Generic[Row]):
    """The last `capacity` rows of one named tuple of ints, floats and bools. Full, the oldest goes."""

    def __init__(self, row: type[Row], capacity: int) -> None:
        self._row: Any = row
        dtype = np.dtype([(name, _STORED[kind]) for name, kind in get_type_hints(row).items()])
        self._rows = np.empty(capacity, dtype)
        self._rows.fill(np.zeros((), dtype)[()])  # touched, so that the pages are there from the start
        self._written = 0

    def append(self, row: Row) -> None:
        self._rows[self._written % len(self._rows)] = row
        self._written += 1

    def extend(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.append(row)

    def __len__(self) -> int:
        return min(self._written, len(self._rows))

    def __iter__(self) -> Iterator[Row]:
        """Oldest first, of what was there when asked."""
        turn = self._written % len(self._rows) if self._written > len(self._rows) else 0
        rows = np.roll(self._rows, -turn)[: len(self)].tolist()
        return (self._row(*row) for row in rows)
