"""The process kept: one question at a time, newest wins, and whatever it does the service goes on."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from sensor.vlm.eye import LOOKS_KEPT, SlowEye
from sensor.vlm.host import Life, Patience, SlowReading
from sensor.vlm.messages import Looked
from tests.sensor.pictures import flat
from tests.sensor.vlm import lives

QUICK = Patience(load_s=20.0, answer_s=0.5, first_pause_s=0.05, attempts=2)


def until(true: Callable[[], object], within_s: float = 20.0) -> bool:
    end_s = time.monotonic() + within_s
    while not (found := true()) and time.monotonic() < end_s:
        time.sleep(0.01)
    return bool(found)


@contextmanager
def reading(
    life: Life, folder: Path, patience: Patience = QUICK, anchor_after_s: float = 0.0
) -> Iterator[SlowReading]:
    with SlowReading(folder, life=life, patience=patience, anchor_after_s=anchor_after_s) as host:
        yield host
    assert until(lambda: not any(alive(int(born.name)) for born in folder.iterdir()), 5.0), "left behind"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def born_after(folder: Path, count: int) -> bool:
    return len(list(folder.iterdir())) > count


def more_failures(caplog: pytest.LogCaptureFixture, before: int) -> bool:
    return caplog.text.count("out of memory") > before


class Clocked:
    """Offers frames a second apart to one eye, and keeps what comes back."""

    def __init__(self, eye: SlowEye) -> None:
        self.eye = eye
        self.t_s = 0.0
        self.found: list[Looked] = []
        self.anchors: list[str] = []

    def offer(self, level: int = 255) -> None:
        self.t_s += 1.0
        self.eye.offer(flat(level), self.t_s)

    def answered(self, count: int) -> bool:
        self.found += self.eye.take_looked()
        self.anchors += [anchor] if (anchor := self.eye.take_anchor()) is not None else []
        return len(self.found) >= count

    def wait(self, count: int, within_s: float = 20.0) -> bool:
        """Whether `count` answers have come."""
        return until(lambda: self.answered(count), within_s)


def test_frames_are_read_for_the_session_that_showed_them(tmp_path: Path) -> None:
    with reading(lives.bright, tmp_path) as host:
        first, second = Clocked(host.open()), Clocked(host.open())
        for _ in range(3):
            first.offer(255)
            second.offer(0)
            assert until(lambda: first.answered(int(first.t_s))) and until(
                lambda: second.answered(int(second.t_s))
            )
        assert host.state == "reading"
    assert [each.t_s for each in first.found] == [1.0, 2.0, 3.0]
    assert {round(each.valence) for each in first.found} == {1}
    assert {round(each.valence) for each in second.found} == {-1}
    assert {each.arousal for each in first.found} == {first.eye.number / 10}


def test_a_slow_model_gets_the_newest_frame(tmp_path: Path) -> None:
    with reading(lives.slow, tmp_path, QUICK._replace(answer_s=10.0)) as host:
        shown = Clocked(host.open())
        shown.offer()
        assert until(lambda: shown.answered(1))
        shown.offer()
        assert until(lambda: not shown.eye.due), "the second frame is being read"
        for _ in range(20):
            shown.offer()
        assert until(lambda: shown.answered(3))
    assert [each.t_s for each in shown.found] == [1.0, 2.0, 22.0]


@pytest.mark.parametrize("life", [lives.dying, lives.hanging])
def test_a_process_that_dies_or_hangs_is_started_again(life: Life, tmp_path: Path) -> None:
    with reading(life, tmp_path) as host:
        shown = Clocked(host.open())
        for count in range(1, 4):
            shown.offer()  # read by a new process
            assert shown.wait(count)
            shown.offer()  # the end of it
            assert until(partial(born_after, tmp_path, count))
        assert host.state != "failed"


@pytest.mark.parametrize("life", [lives.stillborn, lives.broken])
def test_one_that_never_reads_is_given_up(
    life: Life, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with reading(life, tmp_path) as host:
        shown = Clocked(host.open())

        def failed() -> bool:
            shown.offer()
            return host.state == "failed"

        assert until(failed)
        shown.offer()
        assert shown.eye.take_looked() == [] and shown.eye.take_anchor() is None
    assert len(list(tmp_path.iterdir())) == QUICK.attempts
    given_up = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(given_up) == 1 and "the fast one goes on" in given_up[0].message


def test_a_model_that_cannot_be_loaded_is_not_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with reading(lives.refusing, tmp_path) as host:
        assert until(lambda: host.state == "failed")
    assert len(list(tmp_path.iterdir())) == 1
    assert "expected weights, found none" in caplog.text


def test_one_frame_that_fails_is_not_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with reading(lives.failing, tmp_path) as host:
        shown = Clocked(host.open())
        for count in range(1, 4):
            before = caplog.text.count("out of memory")
            shown.offer()
            assert shown.wait(count)
            if count < 3:
                # The window is forgotten with the failure: the count in the process begins again.
                shown.offer()
                assert until(partial(more_failures, caplog, before))
        assert host.state == "reading"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_process_that_does_not_even_listen_is_replaced(tmp_path: Path) -> None:
    with reading(lives.stopping, tmp_path) as host:
        shown = Clocked(host.open())
        shown.offer()
        assert until(lambda: len(list(tmp_path.iterdir())) >= 2 or host.state == "failed")


def test_closing_does_not_wait_for_a_model_that_loads(tmp_path: Path) -> None:
    with reading(lives.loading, tmp_path) as host:
        assert until(lambda: list(tmp_path.iterdir()))
        began_s = time.monotonic()
        host.close()
        host.close()
        assert time.monotonic() - began_s < 5.0


def test_an_anchor_is_written_once_after_its_seconds(tmp_path: Path) -> None:
    with reading(lives.bright, tmp_path, anchor_after_s=3.0) as host:
        shown = Clocked(host.open())
        for count in range(1, 8):
            shown.offer()
            assert shown.wait(count)
    assert shown.anchors == ["after 4"], "of the frames from 1 to 4 s"


def test_no_anchor_says_so_and_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with reading(lives.silent, tmp_path, anchor_after_s=1.0) as host:
        shown = Clocked(host.open())
        for count in range(1, 4):
            shown.offer()
            assert shown.wait(count)
        assert until(lambda: "no words under Genre" in caplog.text)
        assert shown.eye.take_anchor() is None


def test_a_session_nobody_holds_is_forgotten(tmp_path: Path) -> None:
    with reading(lives.bright, tmp_path, anchor_after_s=0.5) as host:
        for _ in range(3):
            shown = Clocked(host.open())
            shown.offer()
            assert shown.wait(1)
            del shown
            gc.collect()
        assert until(lambda: not host._eyes and not host._gone)


def test_an_eye_keeps_one_frame_and_few_answers() -> None:
    woken: list[int] = []
    eye = SlowEye(1, 1.0, 0.0, lambda: woken.append(1))
    for i in range(9):
        eye.offer(flat(10 * i), 0.125 * i)
    offered = eye.take_offered()
    assert offered is not None and offered.t_s == 1.0
    eye.offer(flat(0), 1.5)
    assert not eye.due and eye.take_offered() is None, "its second is not over"
    eye.offer(flat(0), 1.95)
    assert eye.due
    eye.take_offered()
    eye.offer(flat(0), 0.2)
    assert eye.due, "time that went back is another story"
    for i in range(3 * LOOKS_KEPT):
        eye.deliver(Looked(1, float(i), 0.0, 0.0, 1.0))
    kept = eye.take_looked()
    assert len(kept) == LOOKS_KEPT and kept[-1].t_s == 3 * LOOKS_KEPT - 1
