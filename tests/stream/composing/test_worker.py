"""What a composer's process tells of itself, without the process."""

from __future__ import annotations

import queue
import signal
import sys
from multiprocessing import Pipe

import pytest

from stream.composing import worker
from stream.composing.link import ComposerLink
from stream.composing.messages import Begin, Close, Leave, Rendered
from stream.composing.worker import RENDERS_TOLD, Reporter
from stream.ports import Block
from tests.stream.scripted import SineComposer


def test_how_long_blocks_took_is_told_once_a_second() -> None:
    here, there = Pipe(duplex=False)
    reporter = Reporter(there)
    took = tuple(0.001 * k for k in range(RENDERS_TOLD))
    for seconds in took[:-1]:
        reporter.rendered(seconds)
    assert reporter.flush() and not here.poll()
    reporter.rendered(took[-1])
    assert reporter.flush() and here.poll()
    assert here.recv() == Rendered(took)
    assert reporter.flush() and not here.poll()


class CountingComposer(SineComposer):
    """Holds the state it was restored from, counts who else does, and ends."""

    holders = 0

    def restore(self, state: bytes, exact: bool = True) -> None:
        self._state = state

    def render(self, n_samples: int) -> Block:
        CountingComposer.holders = sys.getrefcount(self._state) - 2  # this composer, and the question itself
        raise RuntimeError("that is all")


def test_a_state_that_was_restored_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be megabytes, and the process lives for as long as the piece."""
    link = ComposerLink.create(480)
    here, there = Pipe()

    def read_commands(pipe: object, commands: queue.SimpleQueue[object]) -> None:
        commands.put(Begin(link.name, 480, "any", 1, bytes(1000), 0, float("inf"), 480))

    monkeypatch.setattr(worker, "_read_commands", read_commands)
    monkeypatch.setattr(worker, "put_music_first", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    try:
        CountingComposer.holders = -1
        with pytest.raises(SystemExit):
            worker.run(there, CountingComposer)
        assert CountingComposer.holders == 0
    finally:
        link.close()
        here.close()


class ThreadedComposer(SineComposer):
    """One with threads of its own, which it ends when it is closed."""

    closed = 0

    def close(self) -> None:
        ThreadedComposer.closed += 1


class RaisingComposer(ThreadedComposer):
    def render(self, n_samples: int) -> Block:
        raise RuntimeError("that is all")


@pytest.mark.parametrize(
    ("begins", "last"), [(True, Close()), (True, Leave()), (False, Close()), (False, Leave()), (True, None)]
)
def test_a_composer_is_closed_whatever_ends_it(
    monkeypatch: pytest.MonkeyPatch, begins: bool, last: Close | Leave | None
) -> None:
    """Its process would wait for its threads."""
    link = ComposerLink.create(48_000)
    here, there = Pipe()

    def read_commands(pipe: object, commands: queue.SimpleQueue[object]) -> None:
        if begins:
            commands.put(Begin(link.name, 48_000, "any", 1, None, 0, float("inf"), 48_000))
        if last is not None:
            commands.put(last)

    monkeypatch.setattr(worker, "_read_commands", read_commands)
    monkeypatch.setattr(worker, "put_music_first", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    ThreadedComposer.closed = 0
    try:
        if last is None:
            with pytest.raises(SystemExit):
                worker.run(there, RaisingComposer)
        else:
            worker.run(there, ThreadedComposer)
        assert ThreadedComposer.closed == 1
    finally:
        link.close()
        here.close()
