"""A composer's process that is played by the test."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

from stream.composing.messages import (
    Begin,
    Playing,
    Ready,
)

WAIT_S = 10.0
"""Only reached by a failing test."""


class StandInWorker:
    """In place of a process: alive until told otherwise."""

    pid = 4711

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self.ended = threading.Event()
        self._commands: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    def wake_with(self, event: threading.Event) -> None:
        pass

    def tell(self, command: object) -> None:
        self._commands.put(command)

    def hear(self) -> Any:
        return None if self._reports.empty() else self._reports.get()

    def end(self, grace_s: float) -> None:
        self.exit_code = 0
        self.ended.set()

    # The test's side.

    def hears(self) -> Any:
        return self._commands.get(timeout=WAIT_S)

    def silent_for(self, seconds: float) -> bool:
        """Whether it is told nothing for so long."""
        try:
            self._commands.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def says(self, *reports: object) -> None:
        for report in reports:
            self._reports.put(report)


class Pool:
    def __init__(self) -> None:
        self.workers: list[StandInWorker] = []
        self._more = threading.Condition()

    def take(self) -> StandInWorker:
        with self._more:
            self.workers.append(StandInWorker())
            self._more.notify_all()
            return self.workers[-1]

    def nth(self, number: int) -> StandInWorker:
        with self._more:
            assert self._more.wait_for(lambda: len(self.workers) >= number, WAIT_S)
            return self.workers[number - 1]


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.002)


def begun(worker: StandInWorker) -> Begin:
    worker.says(Ready())
    begin = worker.hears()
    assert isinstance(begin, Begin)
    worker.says(Playing())
    return begin
