"""A composer's real process whose blocks are late, and a listener that needs them: no clock, no waiting."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Event

import pytest

from stream.composing.link import ComposerLink
from stream.composing.messages import Begin, KeepsAhead, Ready
from stream.composing.process import ComposerProcess
from stream.composing.worker import BLOCK_SAMPLES
from stream.ports import Block
from stream.sound.playout import Playout
from tests.stream.scripted import SineComposer

WAIT_S = 60.0
"""Only reached by a failing test."""
FLOOR = 5760
"""120 ms."""
STALL_BLOCKS = 7
"""Of 20 ms."""


class GatedComposer(SineComposer):
    """Makes nothing while its gate is shut."""

    def __init__(self, gate: Event) -> None:
        super().__init__()
        self._gate = gate

    def render(self, n_samples: int) -> Block:
        self._gate.wait(WAIT_S)
        return super().render(n_samples)


@dataclass(frozen=True)
class GatedFactory:
    gate: Event

    def __call__(self) -> GatedComposer:
        return GatedComposer(self.gate)


class Listening:
    """A composer's process and whoever plays what it makes, a block at a time."""

    def __init__(self, process: ComposerProcess, gate: Event, link: ComposerLink) -> None:
        self._process, self._gate, self._link = process, gate, link
        self.playout = Playout(link.ring, FLOOR * 7 // 8)
        self.ahead = FLOOR

        self._ready = False

    def begin(self, begin: Begin) -> None:
        self._until(lambda: self._ready)
        self._process.tell(begin)

    def fill(self, ahead: int) -> None:
        """Wait until it keeps so much ahead, and has."""
        self._until(lambda: self.ahead == ahead and self._link.ring.available + BLOCK_SAMPLES > ahead)

    def stall(self) -> None:
        """The next block is late by `STALL_BLOCKS` of what is played."""
        self._gate.clear()  # nothing is being made: there is no room
        for _ in range(STALL_BLOCKS):
            self.playout.next_block()
        self._gate.set()

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            report = self._process.hear()
            if isinstance(report, KeepsAhead):
                self.ahead = report.samples
            self._ready |= isinstance(report, Ready)
            assert time.monotonic() < deadline and self._process.alive
            time.sleep(0.002)


@pytest.mark.parametrize(("capacity", "gaps"), [(FLOOR, 5), (2 * FLOOR, 1)])
def test_what_is_late_again_and_again_is_one_gap(capacity: int, gaps: int) -> None:
    """With a ring that can hold no more than it does at rest, it is one every time."""
    method = "forkserver" if sys.platform == "linux" else "spawn"
    gate = multiprocessing.get_context(method).Event()
    gate.set()
    link = ComposerLink.create(capacity)
    process = ComposerProcess(GatedFactory(gate))
    try:
        listening = Listening(process, gate, link)
        listening.begin(Begin(link.name, capacity, "any", 1, None, 0, float("inf"), FLOOR))
        listening.fill(FLOOR)
        for _ in range(5):
            listening.stall()
            listening.fill(capacity)
        assert listening.playout.underruns == gaps
    finally:
        process.end(0.0)
        link.close()
