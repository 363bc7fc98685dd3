from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from av import VideoFrame

from stream.latest_frame import LatestFrame
from stream.ports import Reading
from stream.sensing.readers import MAX_LOST_THREADS, SensingPool

WAIT_S = 10.0
"""Only reached by a failing test."""


class Scripted:
    """Raises on green pictures (16 wide), reads the others."""

    def __init__(self) -> None:
        self.thread = threading.current_thread().name

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        assert self.thread.startswith("sensing-") and threading.current_thread().name.startswith("sensing-")
        if frame.width == 16:
            raise RuntimeError("scripted")
        return Reading(t_s, 0.5, -0.5, 1.0, False)


def pool_of(factory: object = Scripted) -> SensingPool:
    pool = SensingPool(factory, time.monotonic, threads=1, readings_hz=200.0, duty=1.0)  # type: ignore[arg-type]
    pool.start()
    return pool


def test_one_session_that_raises_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    pool, good, bad = pool_of(), LatestFrame(), LatestFrame()
    seen, enough = [], threading.Event()

    def note(reading: Reading) -> None:
        seen.append(reading)
        good.put(VideoFrame(32, 32, "rgb24"), reading.t_s + 1)
        bad.put(VideoFrame(16, 16, "rgb24"), 0.0)
        if len(seen) == 5:
            enough.set()

    pool.add("bad", bad, lambda reading: pytest.fail("never read"))
    pool.add("good", good, note)
    bad.put(VideoFrame(16, 16, "rgb24"), 0.0)
    good.put(VideoFrame(32, 32, "rgb24"), 0.0)
    assert enough.wait(WAIT_S)
    pool.close()
    assert [r.t_s for r in seen[:5]] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert "bad" in caplog.text and "scripted" in caplog.text
    assert caplog.text.count("scripted") <= 3


def test_after_removal_nothing_is_read() -> None:
    pool, slot, seen = pool_of(), LatestFrame(), []
    done = threading.Event()

    def note(reading: Reading) -> None:
        seen.append(reading)
        done.set()

    remove = pool.add("a", slot, note)
    slot.put(VideoFrame(32, 32, "rgb24"), 0.0)
    assert done.wait(WAIT_S)
    remove()
    slot.put(VideoFrame(32, 32, "rgb24"), 1.0)
    pool.close()
    assert len(seen) == 1 and slot.waiting


class Hanging:
    """Hangs on the green pictures of `scripted`, until `released`."""

    def __init__(self, released: threading.Event, entered: threading.Event) -> None:
        self._released, self._entered = released, entered

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        if frame.width == 16:
            self._entered.set()
            self._released.wait(WAIT_S)
        return Reading(t_s, 0.5, -0.5, 1.0, False)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def test_a_sensor_that_hangs_is_left_behind_and_the_others_are_read_on() -> None:
    released, entered, clock = threading.Event(), threading.Event(), Clock()
    pool = SensingPool(
        lambda: Hanging(released, entered), clock, threads=1, readings_hz=100.0, duty=1.0, hang_s=2.0
    )
    pool.start(watched=False)
    good, bad = LatestFrame(), LatestFrame()
    seen: list[Reading] = []
    late: list[Reading] = []
    said: list[str] = []
    pool.add("bad", bad, late.append, on_trouble=said.append)
    pool.add("good", good, seen.append)
    bad.put(VideoFrame(32, 32, "rgb24"), 0.0)
    wait_for(lambda: len(late) == 1)  # answered once: its patience is the short one

    clock.now_s = 1.0
    bad.put(VideoFrame(16, 16, "rgb24"), 1.0)
    assert entered.wait(WAIT_S)
    good.put(VideoFrame(32, 32, "rgb24"), 1.0)
    clock.now_s = 2.9
    pool.check()
    pool.forgive(10.0)  # the machine slept
    clock.now_s = 12.9
    pool.check()
    assert (seen, said, pool.lost_threads) == ([], [], 0), "not yet"
    clock.now_s = 13.1
    pool.check()
    wait_for(lambda: len(seen) == 1)
    assert pool.lost_threads == 1 and pool.able and "stuck" in said[-1]

    # Another sensor, after a while; what the first says in the end is not heard.
    released.set()
    wait_for(lambda: pool.lost_threads == 0)
    assert len(late) == 1
    bad.put(VideoFrame(32, 32, "rgb24"), 13.2)
    clock.now_s = 14.0
    good.put(VideoFrame(32, 32, "rgb24"), 14.0)
    wait_for(lambda: len(seen) == 2)
    assert bad.waiting, "its session waits before it is tried again"
    clock.now_s = 19.0
    wait_for(lambda: len(late) == 2)
    assert said[-1] == "", "and the user is told that all is well"
    pool.close()


def test_sensors_that_hang_again_and_again_do_not_pile_up_threads() -> None:
    released, clock = threading.Event(), Clock()

    def never() -> Hanging:
        entered.set()
        released.wait(WAIT_S)
        return Hanging(released, entered)

    entered = threading.Event()
    pool = SensingPool(never, clock, threads=1, readings_hz=100.0, duty=1.0, hang_s=2.0)
    pool.start(watched=False)
    slot, said = LatestFrame(), list[str]()
    pool.add("bad", slot, lambda reading: None, on_trouble=said.append)
    for _ in range(10):
        slot.put(VideoFrame(32, 32, "rgb24"), clock.now_s)
        if pool.able:
            assert entered.wait(WAIT_S)
        entered.clear()
        clock.now_s += 20.0
        pool.check()
        clock.now_s += 1000.0
    assert pool.lost_threads <= MAX_LOST_THREADS and not pool.able
    assert "restart the service" in said[-1]
    assert sum(t.name.startswith("sensing-") for t in threading.enumerate()) <= MAX_LOST_THREADS + 2
    released.set()
    pool.close()


def test_the_watch_runs_by_itself() -> None:
    released, entered = threading.Event(), threading.Event()
    pool = SensingPool(
        lambda: Hanging(released, entered),
        time.monotonic,
        threads=1,
        readings_hz=100.0,
        duty=1.0,
        hang_s=0.05,
    )
    pool.start()
    slot, told = LatestFrame(), threading.Event()
    pool.add("bad", slot, lambda reading: None, on_trouble=lambda words: told.set())
    slot.put(VideoFrame(16, 16, "rgb24"), 0.0)
    assert told.wait(WAIT_S)
    released.set()
    pool.close()


def test_a_sensor_that_always_raises_is_told_of() -> None:
    pool, slot, said = pool_of(), LatestFrame(), list[str]()
    pool.add("bad", slot, lambda reading: None, on_trouble=said.append)
    slot.put(VideoFrame(16, 16, "rgb24"), 0.0)
    for _ in range(3):
        wait_for(lambda: not slot.waiting)
        slot.put(VideoFrame(16, 16, "rgb24"), 0.0)
    wait_for(lambda: bool(said))
    slot.put(VideoFrame(32, 32, "rgb24"), 0.0)
    wait_for(lambda: said[-1] == "")
    assert "RuntimeError" in said[0]
    pool.close()
