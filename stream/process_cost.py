"""What this process and the ones it started cost: share of a core, resident memory."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict
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


WORK = {
    "MainThread": "loop",
    "video-decoder": "decode",
    "audio-decoder": "decode",
    "sensing": "sense",
    "egress": "encode",
    "composer": "supervise",
    "recorder": "record",
}
"""What a thread does, by how its name begins. `encode` is all that egress does; composing is elsewhere."""


def by_work() -> dict[str, float]:
    """Processor seconds of this process's threads that live, by what they do; `other` is whatever else.

    From /proc: empty where there is none.
    """
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    seconds: defaultdict[str, float] = defaultdict(float)
    with contextlib.suppress(OSError):
        for task in os.listdir("/proc/self/task"):
            name = names.get(int(task), "")
            work = next((work for start, work in WORK.items() if name.startswith(start)), "other")
            seconds[work] += spent_at(Path(f"/proc/self/task/{task}/stat")).cpu_s
    return dict(seconds)


def spent(pid: int | None) -> Spent:
    """From /proc: zeros where there is none, or no such process (any more)."""
    return spent_at(Path(f"/proc/{pid}/stat"))


def spent_at(path: Path) -> Spent:
    """From a `stat` of proc(5), of a process or a thread."""
    try:
        stat = path.read_text()
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
