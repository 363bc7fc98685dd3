"""The service in a process of its own, as `narrascore serve` runs it, asked at times for its memory."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import re
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stream.doors.server import serving
from stream.errors import PeerFailed
from stream.settings import Settings


class Memory(NamedTuple):
    """MiB, each page that processes share divided among them; nan where the system does not say."""

    service: float
    composer: float
    """Of one that plays, the mean of all."""


def share_mib(pid: int | str | None) -> float:
    """From /proc/PID/smaps_rollup: see proc(5)."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return float("nan")
    return int(re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[0]) / 1024


def _serve(settings: Settings, pipe: Connection) -> None:
    from stream.cli.threads import few_arenas, keep_for_good, one_thread_each
    from stream.cli.wiring import make_app

    one_thread_each()
    few_arenas()

    async def work() -> None:
        app = make_app(settings)
        keep_for_good()
        async with serving(app, settings) as url:
            pipe.send(url)
            while await asyncio.to_thread(pipe.recv):
                pids = [each.composer_pid for each in app.state.sessions if each.composer_pid]
                composer = float(np.mean([share_mib(pid) for pid in pids])) if pids else float("nan")
                pipe.send(Memory(share_mib("self"), composer))

    asyncio.run(work())


class Service:
    """A service in a process of its own."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    async def memory(self) -> Memory:
        def ask() -> Memory:
            self._pipe.send(True)
            told = self._pipe.recv()
            assert isinstance(told, Memory)
            return told

        return await asyncio.to_thread(ask)


@contextlib.contextmanager
def service(settings: Settings) -> Iterator[Service]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(settings, theirs))
    process.start()
    try:
        if not ours.poll(60.0):
            raise PeerFailed("the service did not begin within a minute")
        yield Service(str(ours.recv()), ours)
    finally:
        with contextlib.suppress(OSError):
            ours.send(False)
        process.join(20.0)
        process.kill()
