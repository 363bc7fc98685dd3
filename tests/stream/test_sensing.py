from __future__ import annotations

import threading
import time

import pytest
from av import VideoFrame

from stream.latest_frame import LatestFrame
from stream.ports import Reading
from stream.sensing import SensingPool

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
