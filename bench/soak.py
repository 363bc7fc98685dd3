"""A long run with faults: `make soak HOURS=n`, or `python -m bench.soak --minutes 5 --seed 7`.

The real service in this process; publishers and listeners come and go, anchors change, composers are killed,
publishers vanish without a word, the event loop is blocked, all by seed. Ends with 1 when something grew, was
logged as an error, or stayed silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from bench.report import Figure, below, machine, show
from bench.senders import KINDS, EncodedTrack, encoded
from stream.cli.threads import few_arenas
from stream.doors.server import serving
from stream.errors import PeerFailed
from stream.session.session import Session
from stream.session.sessions import Sessions
from stream.settings import Settings
from stream.webrtc.loopback import LoopbackPeer, Received, listening, publishing_track

SESSIONS = ("one", "two")
ANCHORS = ("cinematic", "ambient", "slow piano", "dark strings")
QUIET_S = 12.0
"""Nothing is done before a count, so that what was let go is gone."""
MIB_MORE = 48.0
"""However long it runs."""
HEARD_AFTER_S = 4.0
"""Music of this length is heard, whatever it begins with."""
SETTLED_ROUNDS = 2
"""Rounds that may still grow: caches fill."""


class Count(NamedTuple):
    """What must not grow."""

    mib: float
    descriptors: int
    threads: int


def count() -> Count:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Count(
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd")), threading.active_count()
    )


class Complaints(logging.Handler):
    """Counts what was logged, by level; keeps the first errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.levels: Counter[str] = Counter()
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.levels[record.levelname] += 1
        if record.levelno >= logging.ERROR and len(self.errors) < 20:
            self.errors.append(f"{record.name}: {record.getMessage()}")


class Stage:
    """One service, and what is done to it."""

    def __init__(self, url: str, sessions: Sessions, rng: random.Random, packets: list[bytes]) -> None:
        self.url = url
        self.sessions = sessions
        self.rng = rng
        self.packets = packets
        self.loudest: dict[str, int] = {}
        self.played_s: dict[str, float] = {}
        """Seconds of music each session of this round has had."""

    @contextlib.asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[tuple[LoopbackPeer, Session]]:
        def hear(received: Received) -> None:
            self.loudest[name] = max(self.loudest.get(name, 0), int(abs(received.samples).max()))

        track = EncodedTrack(self.packets, KINDS[1].fps)
        async with (
            publishing_track(self.url, track, session=name, codec=KINDS[1].codec) as peer,
            listening(self.url, hear, session=name),
        ):
            session = self.sessions.get(name)
            assert session is not None
            yield peer, session
            self.played_s[name] = session.egress.played_s if session.egress is not None else 0.0

    async def anchor(self, peer: LoopbackPeer, session: Session) -> None:
        session.set_anchor(self.rng.choice(ANCHORS))

    async def kill(self, peer: LoopbackPeer, session: Session) -> None:
        if session.composer_pid is not None:
            os.kill(session.composer_pid, signal.SIGKILL)

    async def vanish(self, peer: LoopbackPeer, session: Session) -> None:
        await peer.connection.close()

    async def block(self, peer: LoopbackPeer, session: Session) -> None:
        time.sleep(0.5)  # noqa: ASYNC251  (this is the fault)

    async def nothing(self, peer: LoopbackPeer, session: Session) -> None:
        return

    async def round(self) -> list[str]:
        """Sessions, a fault or two in each, and their end; what was done."""
        faults: list[Callable[[LoopbackPeer, Session], Awaitable[None]]] = [
            self.anchor, self.kill, self.vanish, self.block, self.nothing,
        ]  # fmt: skip
        chosen = [(name, self.rng.choices(faults, k=2)) for name in SESSIONS[: self.rng.randint(1, 2)]]

        async def one(name: str, todo: list[Callable[[LoopbackPeer, Session], Awaitable[None]]]) -> None:
            async with self.session(name) as (peer, session):
                for fault in todo:
                    await asyncio.sleep(3.0)
                    await fault(peer, session)
                await asyncio.sleep(5.0)

        await asyncio.gather(*(one(name, todo) for name, todo in chosen))
        return [f"{name}: {', '.join(fault.__name__ for fault in todo)}" for name, todo in chosen]


async def soak(minutes: float, seed: int, console: Console, complaints: Complaints) -> list[Figure]:
    from stream.cli.wiring import make_app

    settings = Settings(port=0, seed=seed, idle_end_s=2.0, signalling_burst=1000, video_gone_s=1.0)
    app = make_app(settings)
    counts: list[Count] = []
    silent = unplayed = 0
    packets = await asyncio.to_thread(encoded, KINDS[1])
    async with serving(app, settings) as url:
        stage = Stage(url, app.state.sessions, random.Random(seed), packets)
        end_s = time.monotonic() + 60.0 * minutes
        while time.monotonic() < end_s or len(counts) < SETTLED_ROUNDS + 2:
            stage.loudest.clear()
            stage.played_s.clear()
            try:
                done = await stage.round()
            except PeerFailed as error:
                complaints.errors.append(str(error))
                break
            for name, played_s in stage.played_s.items():
                # A piece may begin with a rest, and composers killed twice on a busy machine may never play.
                unplayed += played_s == 0.0
                if played_s >= HEARD_AFTER_S and stage.loudest.get(name, 0) < 100:
                    silent += 1
                    complaints.errors.append(f"round {len(counts) + 1}: {name}: {played_s:.1f} s, not heard")
            await asyncio.sleep(QUIET_S)
            counts.append(count())
            now = f"{counts[-1].mib:.0f} MiB, {counts[-1].descriptors} files, {counts[-1].threads} threads"
            console.print(f"round {len(counts)}: {'; '.join(done)}: {now}", highlight=False)
    return judged(counts, complaints, silent, unplayed)


def judged(counts: list[Count], complaints: Complaints, silent: int, unplayed: int) -> list[Figure]:
    """Growth from the first settled round to the last."""
    settled = counts[SETTLED_ROUNDS:]
    if not settled:
        return [below("soak: errors", max(len(complaints.errors), 1), "", 0)]
    first, last = settled[0], settled[-1]
    return [
        Figure("soak: rounds", len(counts), ""),
        below("soak: memory more", last.mib - first.mib, "MiB", MIB_MORE),
        below("soak: file descriptors more", last.descriptors - first.descriptors, "", 2),
        below("soak: threads more", last.threads - first.threads, "", 2),
        below("soak: errors logged", complaints.levels["ERROR"] + complaints.levels["CRITICAL"], "", 0),
        below("soak: warnings, a round", complaints.levels["WARNING"] / len(counts), "", 20),
        below("soak: sessions that played and nobody heard", silent, "", 0),
        below("soak: sessions whose music never began", unplayed, "", 0),
    ]


def main(
    minutes: Annotated[float, typer.Option(min=0.0, help="How long.")] = 5.0,
    seed: Annotated[int, typer.Option(help="The same faults in the same order.")] = 7,
) -> None:
    console, complaints = Console(), Complaints()
    logging.getLogger().addHandler(complaints)
    logging.getLogger("aiortc.rtcrtpreceiver").setLevel(logging.ERROR)
    figures = asyncio.run(soak(minutes, seed, console, complaints))
    show(figures, console, machine())
    for error in complaints.errors:
        console.print(error, markup=False)
    sys.exit(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    few_arenas()
    typer.run(main)
