"""The threads that read pictures, shared by all sessions. No model call ever runs on the event loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from stream.clock import Clock
from stream.latest_frame import LatestFrame
from stream.ports import Reading, Sensor, WritesAnchor
from stream.sensing.schedule import SensingSchedule
from stream.stages import READ_S, SENSOR_FAULTS

log = logging.getLogger(__name__)

POLL_S = 0.02
"""How late a new frame may be noticed."""
ERRORS_BEFORE_QUIET = 3
FIRST_PATIENCE = 6.0
"""How many times `hang_s` the first reading may take: it loads weights."""
RETRY_S = 5.0
"""A session whose sensor hung is given a new one after this long, and twice as long each time after."""
MAX_LOST_THREADS = 4
"""A thread that hangs cannot be ended, only left behind; more of them than this are not replaced."""

SensorFactory = Callable[[], Sensor]
"""Called on a sensing thread, once per session, and again when a sensor hung: it may load weights."""


class _Subject:
    """One session to be read."""

    def __init__(
        self,
        name: str,
        factory: SensorFactory,
        slot: LatestFrame,
        on_reading: Callable[[Reading], None],
        on_anchor: Callable[[str], None] | None,
        on_trouble: Callable[[str], None] | None,
    ) -> None:
        self.name = name
        self.slot = slot
        self.on_reading = on_reading
        self.on_anchor = on_anchor
        self.on_trouble = on_trouble
        self.errors = 0
        self.errors_in_a_row = 0
        self.hangs = 0
        self.fresh = True
        """Whether its sensor has not answered yet."""
        self.troubled = False
        self._factory = factory
        self._sensor: Sensor | None = None
        self._life = 0

    def read(self) -> None:
        """One turn. What a sensor says after it was given up is not heard."""
        life, sensor = self._life, self._sensor
        if sensor is None:
            sensor = self._factory()
            if life == self._life:
                self._sensor = sensor
        arrival = self.slot.take()
        if arrival is None:
            return
        with READ_S.time():
            reading = sensor.read(arrival.frame, arrival.t_s)
        if life != self._life:
            return
        self.fresh, self.errors_in_a_row = False, 0
        self.tell("")
        self.on_reading(reading)
        if self.on_anchor is not None and isinstance(sensor, WritesAnchor):
            anchor = sensor.take_anchor()
            if anchor is not None:
                self.on_anchor(anchor)

    def give_up(self) -> None:
        """Another sensor from the next turn on."""
        self._life += 1
        self._sensor, self.fresh = None, True
        self.hangs += 1

    def tell(self, trouble: str) -> None:
        """A sentence for the user; empty when there is nothing to say any more."""
        if self.on_trouble is not None and (trouble or self.troubled):
            self.on_trouble(trouble)
        self.troubled = bool(trouble)


class _Worker:
    """One sensing thread and what it is doing."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.subject: _Subject | None = None
        self.began_s = 0.0
        self.lost = False


class SensingPool:
    """Reads the newest frame of every session in turn, on `threads` threads. Thread-safe.

    A reading that takes longer than `hang_s` has hung: its thread is left behind and replaced, so that the
    other sessions are read on, and its session gets a new sensor later.
    """

    def __init__(
        self,
        factory: SensorFactory,
        clock: Clock,
        *,
        threads: int,
        readings_hz: float,
        duty: float,
        hang_s: float = 5.0,
    ) -> None:
        self._factory = factory
        self._clock = clock
        self._hang_s = hang_s
        self._schedule = SensingSchedule(readings_hz, threads, duty)
        self._subjects: set[_Subject] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._workers = [_Worker() for _ in range(threads)]
        self._made = 0
        self._lost: list[_Worker] = []
        self._watch_stop = threading.Event()
        self._watch = threading.Thread(target=self._watch_over, name="sensing-watch", daemon=True)

    def start(self, watched: bool = True) -> None:
        """`watched`: look for what hangs, on a thread of its own; else `check` is to be called."""
        for worker in self._workers:
            self._employ(worker)
        if watched:
            self._watch.start()

    def _employ(self, worker: _Worker) -> None:
        name = f"sensing-{self._made}"
        self._made += 1
        worker.thread = threading.Thread(target=self._run, args=(worker,), name=name, daemon=True)
        worker.thread.start()

    @property
    def lost_threads(self) -> int:
        """Threads left behind that have not come back."""
        return sum(worker.thread is not None and worker.thread.is_alive() for worker in self._lost)

    @property
    def able(self) -> bool:
        """Whether there is a thread to read with."""
        return any(not worker.lost for worker in self._workers)

    def add(
        self,
        name: str,
        slot: LatestFrame,
        on_reading: Callable[[Reading], None],
        on_anchor: Callable[[str], None] | None = None,
        on_trouble: Callable[[str], None] | None = None,
    ) -> Callable[[], None]:
        """Read `slot` from now on, handing readings to `on_reading` on a sensing thread, to `on_anchor` the
        anchor that a sensor writes from the picture, and to `on_trouble`, on any thread, a sentence for the
        user when the sensor fails, empty when it works again.

        Returns what ends it; a reading in progress may still arrive after that.
        """
        subject = _Subject(name, self._factory, slot, on_reading, on_anchor, on_trouble)
        with self._changed:
            self._subjects.add(subject)
            self._schedule.add(subject, lambda: slot.waiting, self._clock())
            self._changed.notify()

        def remove() -> None:
            with self._changed:
                self._subjects.discard(subject)
                self._schedule.remove(subject)

        return remove

    def set_readings_hz(self, readings_hz: float) -> None:
        """How often each session is read from now on, at most."""
        with self._changed:
            self._schedule.readings_hz = readings_hz

    def carries(self, more: int) -> bool:
        """Whether `more` sessions like those there are could be read along with them once a second."""
        with self._changed:
            return self._schedule.carries(more)

    def close(self) -> None:
        """End the threads once their readings are done. Blocks for at most a second. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._watch_stop.set()
        for worker in self._workers:
            if worker.thread is not None and worker.thread.is_alive() and not worker.lost:
                worker.thread.join(1.0)
        if self._watch.is_alive():
            self._watch.join(1.0)

    # Watching.

    def _watch_over(self) -> None:
        last_s = self._clock()
        while not self._watch_stop.wait(min(1.0, self._hang_s / 4)):
            now_s = self._clock()
            if now_s - last_s > self._hang_s / 2:
                self.forgive(now_s - last_s)  # the whole machine stood still, or starved: nobody hangs
            last_s = now_s
            self.check()

    def forgive(self, seconds: float) -> None:
        """Let readings under way take that much longer."""
        with self._changed:
            for worker in self._workers:
                worker.began_s += seconds

    def check(self) -> None:
        """Leave behind what has hung by now. Called a few times a `hang_s`."""
        now_s = self._clock()
        hung: list[_Subject] = []
        with self._changed:
            for i, worker in enumerate(self._workers):
                subject = worker.subject
                if self._closed or worker.lost or subject is None:
                    continue
                patience_s = self._hang_s * (FIRST_PATIENCE if subject.fresh else 1.0)
                if now_s - worker.began_s <= patience_s:
                    continue
                worker.lost = True
                hung.append(subject)
                subject.give_up()
                self._schedule.remove(subject)
                if subject in self._subjects:
                    retry_s = RETRY_S * 2.0 ** min(subject.hangs - 1, 6)
                    self._schedule.add(subject, _waiting(subject), now_s + retry_s)
                self._lost = [w for w in self._lost if w.thread is not None and w.thread.is_alive()]
                if len(self._lost) < MAX_LOST_THREADS:
                    self._lost.append(worker)
                    self._workers[i] = _Worker()
                    self._employ(self._workers[i])
        for subject in hung:
            SENSOR_FAULTS.labels("hang").inc()
            log.error("session %s: the sensor hangs; it is replaced", subject.name)
            subject.tell(
                "Reading the picture got stuck: it is tried again, and the music drifts to neutral meanwhile."
                if self.able
                else "Reading pictures got stuck too often: the music goes on; restart the service."
            )

    # Everything below runs on the sensing threads.

    def _run(self, worker: _Worker) -> None:
        while True:
            subject = self._next(worker)
            if subject is None:
                return
            try:
                subject.read()
            except Exception as error:  # noqa: BLE001
                # A sensor is foreign code: whatever it raises, the other sessions are read on.
                if not worker.lost:
                    self._report(subject, error)
            with self._changed:
                if worker.lost:
                    return
                self._schedule.done(subject, max(0.0, self._clock() - worker.began_s))
                worker.subject = None

    def _next(self, worker: _Worker) -> _Subject | None:
        with self._changed:
            while not self._closed:
                now_s = self._clock()
                key = self._schedule.next_turn(now_s)
                if key is not None:
                    assert isinstance(key, _Subject)
                    worker.subject, worker.began_s = key, now_s
                    return key
                self._changed.wait(self._schedule.wait_s(now_s, POLL_S if self._subjects else 1.0))
            return None

    def _report(self, subject: _Subject, error: Exception) -> None:
        SENSOR_FAULTS.labels("error").inc()
        subject.errors += 1
        subject.errors_in_a_row += 1
        kind = type(error).__name__
        if subject.errors <= ERRORS_BEFORE_QUIET:
            log.warning("session %s: the sensor raised %s: %s", subject.name, kind, error)
        if subject.errors_in_a_row == ERRORS_BEFORE_QUIET:
            subject.tell(f"The picture cannot be read ({kind}): the music goes on and drifts to neutral.")


def _waiting(subject: _Subject) -> Callable[[], bool]:
    return lambda: subject.slot.waiting
