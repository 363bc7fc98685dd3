"""What a composer costs alone and in company: processes as the service forks them, played in real time.

    python -m bench company            # one, then five, 20 s each
    python -m bench company --full     # one to eight

Each plays a piece of its own into its ring, from which a block is taken every 20 ms as a session does.
Nothing else of a session runs: no peers, no encoder. `bench cost` plays on as fast as it can, with caches
that stay warm.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from bench.report import Figure, below
from bench.scope import Scope
from stream.cli.telling import create
from stream.cli.threads import few_arenas
from stream.composing.link import ComposerLink
from stream.composing.messages import Begin, Playing
from stream.composing.process import ComposerProcess
from stream.errors import PeerFailed
from stream.ports import SAMPLE_RATE_HZ
from stream.process_cost import spent
from stream.settings import Settings

SETTLE_S, SECONDS = 6.0, 20.0
COMPANIES, FULL_COMPANIES = (1, 5), tuple(range(1, 9))
PRESET = "cinematic"
"""As in `bench.capacity`: one of the dearer ones."""
WANTED = 0.10
"""Of a core, in the company of five."""
VALENCE, AROUSAL = 0.2, 0.2
_BLOCK, _BLOCK_S = 960, 0.02
_STARTS_S = 60.0


class Shares(NamedTuple):
    """Of a core, the mean of all `composers`; and blocks that were not there in time."""

    composers: int
    share: float
    underruns: int


class _Listener(threading.Thread):
    """Takes a block from every ring each 20 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.links: list[ComposerLink] = []
        self.underruns = 0
        self._ended = threading.Event()

    def run(self) -> None:
        due_s = time.monotonic()
        while not self._ended.wait(max(due_s - time.monotonic(), 0.0)):
            due_s += _BLOCK_S
            for link in tuple(self.links):
                self.underruns += len(link.ring.read(_BLOCK)) < _BLOCK

    def end(self) -> None:
        self._ended.set()
        self.join()


@contextlib.contextmanager
def _playing(seed: int, preset: str, listener: _Listener) -> Iterator[ComposerProcess]:
    process = ComposerProcess(create, ("stream.cli.__main__", "stream.cli.warm"))
    ring = Settings().ring_ms * SAMPLE_RATE_HZ // 1000
    link = ComposerLink.create(2 * ring)
    try:
        link.affect = (VALENCE, AROUSAL)
        every_s = Settings().composer_snapshot_s
        process.tell(Begin(link.name, 2 * ring, preset, seed, None, 0, every_s, ring))
        limit_s = time.monotonic() + _STARTS_S
        while not isinstance(process.hear(), Playing):
            if not process.alive or time.monotonic() > limit_s:
                raise PeerFailed("a composer did not begin to play")
            time.sleep(0.005)
        time.sleep(0.2)  # its ring fills
        listener.links.append(link)
        yield process
        listener.links.remove(link)
    finally:
        process.end(1.0)
        link.close()


def _watched(processes: list[ComposerProcess], listener: _Listener) -> Shares:
    before, began_s, underruns = [spent(p.pid).cpu_s for p in processes], time.monotonic(), listener.underruns
    while time.monotonic() < began_s + SECONDS:
        time.sleep(0.2)
        for process in processes:
            while process.hear() is not None:
                pass
    elapsed_s = time.monotonic() - began_s
    used = sum(spent(p.pid).cpu_s for p in processes) - sum(before)
    return Shares(len(processes), used / elapsed_s / len(processes), listener.underruns - underruns)


def measured(companies: tuple[int, ...], preset: str) -> list[Shares]:
    """The shares in each company; `companies` grow."""
    few_arenas()
    listener = _Listener()
    listener.start()
    shares = []
    try:
        with contextlib.ExitStack() as stack:
            processes: list[ComposerProcess] = []
            for count in companies:
                while len(processes) < count:
                    seed = 7 + len(processes)
                    processes.append(stack.enter_context(_playing(seed, preset, listener)))
                time.sleep(SETTLE_S)
                shares.append(_watched(processes, listener))
    finally:
        listener.end()
    return shares


def run(scope: Scope) -> list[Figure]:
    preset = scope.presets[0] if len(scope.presets) == 1 else PRESET
    shares = measured(FULL_COMPANIES if scope.full else COMPANIES, preset)
    alone = shares[0]
    figures = [Figure(f"company, {preset}: a composer alone", alone.share, "cores")]
    for each in shares[1:]:
        name = f"company, {preset}: each of {each.composers}"
        figures += [
            below(name, each.share, "cores", WANTED),
            Figure(f"{name}, over one alone", each.share / alone.share, "times"),
            below(f"{name}: blocks too late in {SECONDS:.0f} s", each.underruns, "", 0),
        ]
    return figures
