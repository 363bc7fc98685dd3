"""The threads that read pictures, shared by all sessions. No model call ever runs on the event loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stream.clock import Clock
from stream.latest_frame import LatestFrame
from stream.ports import Reading, Sensor
from stream.sensing_schedule import SensingSchedule

log = logging.getLogger(__name__)

POLL_S = 0.02
"""How late a new frame may be noticed."""
ERRORS_BEFORE_QUIET = 3

SensorFactory = Callable[[], Sensor]
"""Called on a sensing thread, once per session: it may load weights."""


class _Subject:
    """One session to be read."""

    def __init__(
        self, name: str, factory: SensorFactory, slot: LatestFrame, on_reading: Callable[[Reading], None]
    ) -> None:
        self.name = name
        self.slot = slot
        self.on_reading = on_reading
        self.errors = 0
        self._factory = factory
        self._sensor: Sensor | None = None

    def read(self) -> None:
        if self._sensor is None:
            self._sensor = self._factory()
        arrival = self.slot.take()
        if arrival is not None:
            self.on_reading(self._sensor.read(arrival.frame, arrival.t_s))


class SensingPool:
    """Reads the newest frame of every session in turn, on `threads` threads. Thread-safe."""

    def __init__(
        self, factory: SensorFactory, clock: Clock, *, threads: int, readings_hz: float, duty: float
    ) -> None:
        self._factory = factory
        self._clock = clock
        self._schedule = SensingSchedule(readings_hz, threads, duty)
        self._subjects: set[_Subject] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"sensing-{i}", daemon=True) for i in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def add(self, name: str, slot: LatestFrame, on_reading: Callable[[Reading], None]) -> Callable[[], None]:
        """Read `slot` from now on, handing readings to `on_reading` on a sensing thread.

        Returns what ends it; a reading in progress may still arrive after that.
        """
        subject = _Subject(name, self._factory, slot, on_reading)
        with self._changed:
            self._subjects.add(subject)
            self._schedule.add(subject, lambda: slot.waiting, self._clock())
            self._changed.notify()

        def remove() -> None:
            with self._changed:
                self._subjects.discard(subject)
                self._schedule.remove(subject)

        return remove

    def close(self) -> None:
        """End the threads once their readings are done. Blocks for at most a second. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(1.0)

    def _run(self) -> None:
        while True:
            subject = self._next()
            if subject is None:
                return
            began_s = self._clock()
            try:
                subject.read()
            except Exception as error:  # noqa: BLE001
                # A sensor is foreign code: whatever it raises, the other sessions are read on.
                self._report(subject, error)
            with self._changed:
                self._schedule.done(subject, self._clock() - began_s)

    def _next(self) -> _Subject | None:
        with self._changed:
            while not self._closed:
                now_s = self._clock()
                key = self._schedule.next_turn(now_s)
                if key is not None:
                    assert isinstance(key, _Subject)
                    return key
                self._changed.wait(self._schedule.wait_s(now_s, POLL_S if self._subjects else 1.0))
            return None

    def _report(self, subject: _Subject, error: Exception) -> None:
        subject.errors += 1
        if subject.errors <= ERRORS_BEFORE_QUIET:
            log.warning("session %s: the sensor raised %s: %s", subject.name, type(error).__name__, error)
