"""What this process and the ones it started cost: share of a core, resident memory."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """`cores` is processor time over wall time; `peak_mib` the largest sum of resident memory seen."""

    cores: float
    peak_mib: float


class Spent(NamedTuple):
    """Of one process so far: processor time, and resident memory (shared pages counted) now."""

    cpu_s: float
    resident_bytes: float


def spent(pid: int | None) -> Spent:
    """From /proc: zeros where there is none, or no such process (any more)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return Spent(0.0, 0.0)
    # proc(5): after the name, which may hold anything, utime, stime and rss are fields 14, 15 and 24.
    fields = stat.rpartition(")")[2].split()
    ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    return Spent(ticks / os.sysconf("SC_CLK_TCK"), float(pages * os.sysconf("SC_PAGE_SIZE")))


class CostMeter:
    """Starts at the first sample. Needs psutil (the `demo` extra)."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None
        self._last: tuple[float, float] = (0.0, 0.0)
        self._peak = 0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began[0] if self._began is not None else 0.0

    def sample(self, pids: Sequence[int]) -> None:
        """Add up this process and `pids`; those that are gone count nothing."""
        import psutil

        spent, memory = 0.0, 0
        for process in [psutil.Process(), *map(_process, pids)]:
            if process is None:
                continue
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                spent += times.user + times.system
                memory += process.memory_info().rss
        self._last = (time.monotonic(), spent)
        if self._began is None:
            self._began = self._last
        self._peak = max(self._peak, memory)

    def cost(self) -> Cost:
        if self._began is None or self._last[0] <= self._began[0]:
            return Cost(0.0, self._peak / 2**20)
        wall, spent = (b - a for a, b in zip(self._began, self._last, strict=True))
        return Cost(spent / wall, self._peak / 2**20)


def _process(pid: int):  # type: ignore[no-untyped-def]
    import psutil

    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None
