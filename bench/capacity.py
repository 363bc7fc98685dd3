"""How many sessions this machine carries: real peers over loopback, one more at a time, until it shows.

    narrascore bench capacity           # up to ten minutes
    narrascore bench capacity --full    # what was carried is held for five minutes: up to half an hour

The service runs in a process of its own as `narrascore serve` runs it: it watches the load, gives up readings
before the music suffers, and refuses a session it could not carry; only the count of sessions is not limited.
The pictures are encoded once and sent as they are, over and over, so that the senders cost little; what they
do cost is taken from the same cores. A step holds when no underrun and no skipped block was counted, and
every session was read at least `LEAST_READINGS_HZ`. What held last is then held for longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from rich.console import Console

from bench.report import Figure, above, below
from bench.scope import Scope
from bench.senders import KINDS, Kind, encoded, session
from bench.served import Memory, Service, service
from stream.cli import top
from stream.errors import PeerFailed
from stream.settings import Settings
from stream.webrtc.loopback import request

SETTLE_S = 12.0
STEP_S = 10.0
HOLD_S, HOLD_FULL_S = 45.0, 300.0
"""What was carried at last is held for this long."""
RETRY_S, TRIES = 20.0, 3
"""Whoever is refused comes back, as `Retry-After` says: where a composer takes long to begin, the machine is
strained for as long. Refused so many times in a row is refused."""
LEAST_READINGS_HZ = 1.0
MOST = 24
IDLE_END_S = 3.0
"""Whoever has left is gone before the next step is looked at: it would compose, and be read no more."""


class Step(NamedTuple):
    """What was seen while `sessions` ran. Processor time in cores; memory in MiB, shared pages shared out."""

    sessions: int
    held: bool
    why: str
    service_cores: float
    composer_cores: float
    service_mib: float
    composer_mib: float
    stages_ms: dict[str, float]
    work_cores: dict[str, float]
    """Of the service's threads, by what they do."""
    level: int
    """What was given up for the load, see `stream.session.load.Level`."""
    slowest_hz: float
    """Readings a second of the session that had fewest."""


async def scrape(url: str) -> top.Scrape:
    return top.parse((await request("GET", f"{url}/metrics")).body, time.monotonic())


def judged(before: top.Scrape, after: top.Scrape, names: Sequence[str], memory: Memory) -> Step:
    """Of the sessions `names`; there may be others, which are just leaving."""
    elapsed_s = after.t_s - before.t_s
    whole = [name for name in names if name in before.sessions and name in after.sessions]

    def grown(figure: str) -> list[float]:
        return [after.sessions[name][figure] - before.sessions[name][figure] for name in whole]

    slowest = min(grown("readings_total"), default=0.0) / elapsed_s
    underruns, skipped = sum(grown("underruns_total")), sum(grown("skipped_blocks_total"))
    why = ""
    if len(whole) < len(names):
        why = f"{len(names) - len(whole)} sessions ended"
    elif underruns or skipped:
        why = f"{underruns:.0f} underruns, {skipped:.0f} blocks too late"
    elif slowest < LEAST_READINGS_HZ:
        why = f"a session was read {slowest:.1f} times a second"
    stages = {}
    for stage, (count, seconds) in after.stages.items():
        old = before.stages.get(stage, (0.0, 0.0))
        if count > old[0]:
            stages[stage] = 1000 * (seconds - old[1]) / (count - old[0])
    cpu = "process_cpu_seconds_total"
    return Step(
        len(names),
        not why,
        why,
        (after.plain[cpu] - before.plain[cpu]) / elapsed_s,
        sum(grown("composer_cpu_seconds_total")) / elapsed_s,
        memory.service,
        memory.composer,
        stages,
        {work: (cpu_s - before.work.get(work, 0.0)) / elapsed_s for work, cpu_s in after.work.items()},
        int(after.plain["narrascore_load_level"]),
        slowest,
    )


async def watched(service: Service, names: Sequence[str], seconds: float) -> Step:
    before = await scrape(service.url)
    await asyncio.sleep(seconds)
    return judged(before, await scrape(service.url), names, await service.memory())


def told(kind: Kind, step: Step) -> str:
    """One line for who waits."""
    end = "held" if step.held else step.why
    given_up = ("", ", fewer readings", ", fewer pictures", ", key frames only")[step.level]
    return (
        f"{kind.name}: {step.sessions} sessions: service {step.service_cores:.2f}, composers "
        f"{step.composer_cores:.2f} cores, {step.slowest_hz:.1f} readings a second{given_up}: {end}"
    )


async def admitted(
    enter: Callable[[], contextlib.AbstractAsyncContextManager[None]], retry_s: float = RETRY_S
) -> contextlib.AsyncExitStack:
    """A session that runs until the stack is closed. Raises PeerFailed."""
    for tries_left in reversed(range(TRIES)):
        one = contextlib.AsyncExitStack()
        try:
            await one.enter_async_context(enter())
            return one
        except PeerFailed as error:
            if not (refused(error) and tries_left):
                raise
        await asyncio.sleep(retry_s)
    raise AssertionError


def refused(error: PeerFailed) -> bool:
    return ": 503" in str(error)


class Climb(NamedTuple):
    """`steps` in order; `end` says why there is no further one; `hold` is the long one, if any step held."""

    steps: list[Step]
    end: str
    hold: Step | None


async def climb(kind: Kind, service: Service, hold_s: float, most: int, console: Console) -> Climb:
    """From half of what is wanted, one more session at a time until a step does not hold or is refused.

    Then the last one leaves, and those before it stay for `hold_s`.
    """
    packets = await asyncio.to_thread(encoded, kind)
    steps: list[Step] = []
    end = f"{most} were enough"
    running: list[contextlib.AsyncExitStack] = []

    def names() -> list[str]:
        return [f"s{n}" for n in range(len(running))]

    try:
        while len(running) < most:
            enter = partial(session, service.url, f"s{len(running)}", kind, packets)
            try:
                running.append(await admitted(enter))
            except PeerFailed as error:
                end = "refused" if refused(error) else str(error)
                break
            if len(running) < min(kind.wanted // 2, most):
                continue
            await asyncio.sleep(SETTLE_S)
            steps.append(await watched(service, names(), STEP_S))
            console.print(told(kind, steps[-1]), highlight=False)
            if not steps[-1].held:
                end = steps[-1].why
                await running.pop().aclose()
                break
        console.print(f"{kind.name}: one more: {end}", highlight=False)
        hold = None
        if running:
            await asyncio.sleep(SETTLE_S)
            hold = await watched(service, names(), hold_s)
            console.print(f"for {hold_s:.0f} s, {told(kind, hold)}", highlight=False)
        return Climb(steps, end, hold)
    finally:
        for each in reversed(running):
            await each.aclose()


def figures(kind: Kind, climbed: Climb, hold_s: float) -> list[Figure]:
    hold, cores = climbed.hold, os.cpu_count() or 1
    carried = max((step.sessions for step in climbed.steps if step.held), default=0)
    if hold is not None and hold.held:
        carried = hold.sessions
    whole = max((step.sessions for step in climbed.steps if step.held and step.level == 0), default=0)
    name = f"capacity, {kind.name}"
    rows = [
        above(f"{name}: sessions", carried, "", kind.wanted),
        Figure(f"{name}: sessions per core", carried / cores, ""),
        Figure(f"{name}: of them with nothing given up", whole, ""),
        Figure(f"{name}: one more: {climbed.end}", carried + 1, "sessions"),
    ]
    if hold is None:
        return rows
    each = hold.sessions
    failed = "" if hold.held else f" ({hold.why})"
    rows += [
        below(f"{name}: faults in {hold_s:.0f} s of {each} sessions{failed}", int(not hold.held), "", 0),
        Figure(f"{name}: fewest readings", hold.slowest_hz, "/s"),
        Figure(f"{name}: processor, a session", (hold.service_cores + hold.composer_cores) / each, "cores"),
        Figure(f"{name}: of it compose", hold.composer_cores / each, "cores"),
    ]
    work = sorted(hold.work_cores.items(), key=lambda pair: -pair[1])
    rows += [Figure(f"{name}: of it {what}", used / each, "cores") for what, used in work if used > 0.001]
    rows += [
        Figure(f"{name}: memory of a composer", hold.composer_mib, "MiB"),
        Figure(f"{name}: memory of the service", hold.service_mib, "MiB"),
    ]
    return rows + [Figure(f"{name}: mean {stage}", ms, "ms") for stage, ms in sorted(hold.stages_ms.items())]


def run(scope: Scope, kinds: tuple[Kind, ...] = KINDS, most: int = MOST) -> list[Figure]:
    settings = Settings(
        port=0,
        default_anchor="cinematic",
        seed=7,
        max_sessions=MOST,
        govern=True,
        idle_end_s=IDLE_END_S,
        signalling_burst=1000,
        signalling_per_s=100.0,
    )
    hold_s = HOLD_FULL_S if scope.full else HOLD_S
    console = Console(stderr=True)
    rows: list[Figure] = []
    for kind in kinds:
        with service(settings) as one:
            climbed = asyncio.run(climb(kind, one, hold_s, most, console))
        rows += figures(kind, climbed, hold_s)
    return rows
