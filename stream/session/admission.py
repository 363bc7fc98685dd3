"""Music wins over sensing: readings and pictures are given up first, and what is too much is refused.

One task on the event loop. What it decides is in `stream.session.load`; here it is measured and applied.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from stream.errors import Refused
from stream.process_cost import spent
from stream.sensing.readers import SensingPool
from stream.sensing.schedule import LONGEST_PERIOD_S
from stream.session.load import Governor, Level, Sample, room_for_another
from stream.session.session import Session
from stream.webrtc.backlog import MAX_ENCODED
from stream.webrtc.key_frames import Pictures

log = logging.getLogger(__name__)

SAMPLE_S = 1.0
TICKS = 10
"""Looks at the event loop's lateness per sample."""
READINGS_HZ = {
    Level.FEWER_READINGS: 2.0,
    Level.FEWER_PICTURES: 1.0 / LONGEST_PERIOD_S,
    Level.KEY_FRAMES: 1.0 / LONGEST_PERIOD_S,
}
PICTURES = {Level.FEWER_PICTURES: Pictures.ONE_A_SECOND, Level.KEY_FRAMES: Pictures.KEY_FRAMES}
RETRY_AFTER_S = 20
LASTING_S = 20.0
"""A load counts against new sessions when it lasted for half of this. Music is fresh for as long."""
LOADS_KEPT = round(LASTING_S / SAMPLE_S)
BEGINS_S = LASTING_S / 2
"""So long what a session's composer takes is no strain by itself, and not in the load: it makes its
instruments, a whole core for seconds, and two sessions may well begin together. What it does to the music and
to the event loop is strain all the same. Half as long as a session is fresh: what it takes is known by then.
"""
EXPECTED_CORES = 0.25
"""What a session will take, while none has run for long enough to tell."""
WORDS = {
    Level.FEWER_READINGS: "The machine is busy: the picture is read less often, the music goes on as it was.",
    Level.FEWER_PICTURES: "The machine is very busy: the picture is read once a second, the music goes on.",
    Level.KEY_FRAMES: "The machine is too busy: only key frames of the picture are read, the music goes on.",
}


class Ticks(NamedTuple):
    """Of all cores together, since the machine started, in the kernel's ticks."""

    busy: int
    all: int


def machine_ticks() -> Ticks | None:
    """From /proc/stat (proc(5)); None where there is none."""
    try:
        numbers = [int(x) for x in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    total, idle = sum(numbers), numbers[3] + numbers[4]
    return Ticks(total - idle, total)


def has_music(session: Session) -> bool:
    """It has begun, and somebody makes it: a composer that was given up takes nothing until it is revived."""
    return session.egress is not None and session.composer_status.state != "failed"


class Admission:
    """Lives on the event loop. Does nothing until `govern` runs."""

    def __init__(self, sensing: SensingPool, readings_hz: float, clock: Callable[[], float]) -> None:
        self._sensing = sensing
        self._readings_hz = readings_hz
        self._clock = clock
        self._governor = Governor()
        self._ticks: Ticks | None = None
        self._own: tuple[float, float] | None = None
        self._underruns: dict[str, int] = {}
        self._loads: deque[tuple[float | None, float]] = deque(maxlen=LOADS_KEPT)
        """Of everybody and our own, a pair a sample, without composers that begin."""
        self._first_seen_s: dict[tuple[str, bool], float] = {}
        """By session and whether there is music: since when it is so."""
        self._composers_s: dict[int | None, float] = {}
        """Processor time of composers, by their processes."""
        self.level = Level.ALL
        self.cpu: float | None = None
        """Share of all cores that anybody uses; None before it is known."""
        self.own_cpu = 0.0
        """Share of all cores that the service and its composers use."""

    def refuses(self, sessions: int) -> bool:
        """Whether one more session beside `sessions` would be too much for the cores, or for the threads that
        read pictures, which owe every session a reading a second. The cores' load has the readings in it as
        they are now, more of them than that: while anything is given up nobody is let in.

        A session that has no music yet (a page is open, nobody sends or listens) may begin at any moment, and
        is not asked again: a session's share is kept for it, and it tells nothing of what that is."""
        if sessions > 0 and not self._sensing.carries(1):
            return True
        # Of a service that has just begun, those that are missing count as idle: nothing has lasted yet.
        missing = [0.0] * (LOADS_KEPT - len(self._loads))
        known = [cpu for cpu, _ in self._loads if cpu is not None]
        own = [own for _, own in self._loads]
        now_s = self._clock()
        settled = sum(
            music and now_s - first_s > LASTING_S for (_, music), first_s in self._first_seen_s.items()
        )
        return not room_for_another(
            self.level,
            median(known + missing) if known else None,
            median(own + missing),
            sessions,
            max(0, sessions - settled),
            EXPECTED_CORES / (os.cpu_count() or 1),
        )

    def check(self, sessions: int) -> None:
        """Raises Refused 503 when one more session beside `sessions` would be too much."""
        if self.refuses(sessions):
            raise Refused(
                503,
                f"The machine is too busy for a session beside the {sessions} it carries: try again later.",
                RETRY_AFTER_S,
            )

    async def govern(self, sessions: Iterable[Session]) -> None:
        """Measure and apply, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            late_s = 0.0
            for _ in range(TICKS):
                due_s = loop.time() + SAMPLE_S / TICKS
                await asyncio.sleep(SAMPLE_S / TICKS)
                late_s = max(late_s, loop.time() - due_s)
            self.apply(self._governor.note(self.measure(sessions, late_s)), sessions)

    def measure(self, sessions: Iterable[Session], late_s: float) -> Sample:
        now_s, live = self._clock(), list(sessions)
        seen = [(each.id, has_music(each)) for each in live]
        self._first_seen_s = {each: self._first_seen_s.get(each, now_s) for each in seen}
        beginning = self._measure_cpu(now_s, live)
        cpu = None if self.cpu is None else max(0.0, self.cpu - beginning)
        self._loads.append((cpu, max(0.0, self.own_cpu - beginning)))
        underruns, buffer_s, backlog = 0, float("inf"), 0.0
        counts: dict[str, int] = {}
        for session in live:
            if session.egress is not None:
                counts[session.id] = session.egress.underruns
                underruns += max(0, counts[session.id] - self._underruns.get(session.id, counts[session.id]))
                if session.egress.state == "playing" and session.composer_status.state == "playing":
                    buffer_s = min(buffer_s, session.buffer_ms / 1000.0)
            waiting = session.peers.backlog
            if waiting is not None:
                backlog = max(backlog, len(waiting) / MAX_ENCODED["video"])
        self._underruns = counts
        return Sample(now_s, cpu, late_s, underruns, backlog, buffer_s)

    def _measure_cpu(self, now_s: float, sessions: list[Session]) -> float:
        """What composers that begin take of all cores."""
        ticks = machine_ticks()
        if ticks is not None and self._ticks is not None and ticks.all > self._ticks.all:
            self.cpu = (ticks.busy - self._ticks.busy) / (ticks.all - self._ticks.all)
        self._ticks = ticks
        before = self._composers_s
        self._composers_s = {pid: spent(pid).cpu_s for pid in (each.composer_pid for each in sessions)}
        begun = {each.composer_pid for each in sessions if self._begins(each, now_s)}
        cpu_s = time.process_time() + sum(self._composers_s.values())
        beginning = 0.0
        if self._own is not None and now_s > self._own[0]:
            capacity_s = (now_s - self._own[0]) * (os.cpu_count() or 1)
            self.own_cpu = max(0.0, cpu_s - self._own[1]) / capacity_s  # who ended takes its time with it
            taken_s = sum(self._composers_s[pid] - before[pid] for pid in begun & before.keys())
            beginning = taken_s / capacity_s
        self._own = (now_s, cpu_s)
        return beginning

    def _begins(self, session: Session, now_s: float) -> bool:
        return now_s - self._first_seen_s.get((session.id, True), float("-inf")) < BEGINS_S

    def apply(self, level: Level, sessions: Iterable[Session]) -> None:
        """Make `level` hold for every session, also for publishers that came since."""
        if level != self.level:
            how = "strained" if level > self.level else "calmer"
            log.info("the machine is %s: level %s", how, level.name)
            self._sensing.set_readings_hz(min(self._readings_hz, READINGS_HZ.get(level, self._readings_hz)))
        for session in sessions:
            backlog = session.peers.backlog
            which = PICTURES.get(level, Pictures.ALL)
            if backlog is not None and backlog.pictures != which:
                backlog.pictures = which
            session.remark("load", partial(WORDS.__getitem__, level) if level in WORDS else None)
        self.level = level
