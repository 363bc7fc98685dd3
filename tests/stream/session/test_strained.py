"""What a strained machine leaves of every session's picture, from packets to readings, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import pytest

from stream.sensing.schedule import SensingSchedule
from stream.session.admission import Admission
from stream.session.load import Governor, Level, Sample
from stream.webrtc.backlog import EncodedFrames
from stream.webrtc.key_frames import ASK_AT_MOST_EVERY_S
from stream.webrtc.loss import Assembled

KEY, INTER = b"\x10", b"\x11"
TICK_S = 0.01
COST_S = 0.05
"""Of a reading, on a machine that has other work."""


class Live:
    """A session as far as its load goes: a sender, the queue before a decoder, one picture at most."""

    def __init__(
        self, number: int, fps: float, gap_s: float, answers: bool, clock: Callable[[], float]
    ) -> None:
        self.id = self.name = f"s{number}"
        self.egress = self.composer_pid = None
        self.clock = clock
        self.asked: list[float] = []
        self.readings: list[float] = []
        self.waiting = False
        self.decoded = 0
        backlog = EncodedFrames(30, self.ask, clock)
        self.peers = SimpleNamespace(backlog=backlog)
        self._fps, self._gap, self._answers = fps, round(gap_s * fps), answers
        self._sent, self._phase_s, self._wanted = 0, number * 0.037, False

    def ask(self) -> None:
        self.asked.append(self.clock())
        self._wanted = self._answers

    def remark(self, about: str, say: object) -> None: ...

    def send(self) -> None:
        while self._phase_s + self._sent / self._fps <= self.clock():
            key, self._wanted = self._sent % self._gap == 0 or self._wanted, False
            frames = self.peers.backlog
            frames.put((SimpleNamespace(name="VP8"), Assembled(KEY if key else INTER, 0)))
            if len(frames):
                frames.get()
                self.waiting = True
                self.decoded += 1
            self._sent += 1


class Machine:
    """Sessions that share a sensing thread, and the governor that watches them."""

    def __init__(self, sessions: int, fps: float, gap_s: float, answers: bool) -> None:
        self.now_s = 0.0
        self.schedule = SensingSchedule(8.0, 1, 0.32)
        self.live = [Live(n, fps, gap_s, answers, lambda: self.now_s) for n in range(sessions)]
        self.admission = Admission(self, 8.0, lambda: self.now_s)  # type: ignore[arg-type]
        self.governor = Governor()
        for each in self.live:
            self.schedule.add(each, partial(getattr, each, "waiting"), 0.0)
        self._reads: Live | None = None
        self._until_s = 0.0

    def level(self) -> Level:
        return self.governor.level

    def set_readings_hz(self, readings_hz: float) -> None:
        self.schedule.readings_hz = readings_hz

    def carries(self, more: int) -> bool:
        return self.schedule.carries(more)

    def run(self, seconds: float, **load: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s = round(self.now_s + TICK_S, 6)
            for each in self.live:
                each.send()
            self._read()
            if abs(self.now_s - round(self.now_s)) < TICK_S / 2:
                sample = Sample(self.now_s, 0.3, 0.001, 0, 0.0, float("inf"))._replace(**load)  # type: ignore[arg-type]
                self.admission.apply(self.governor.note(sample), self.live)  # type: ignore[arg-type]

    def _read(self) -> None:
        if self._reads is not None and self.now_s >= self._until_s:
            self._reads.readings.append(self.now_s)
            self.schedule.done(self._reads, COST_S)
            self._reads = None
        if self._reads is None:
            key = self.schedule.next_turn(self.now_s)
            if key is not None:
                assert isinstance(key, Live)
                self._reads, self._until_s, key.waiting = key, self.now_s + COST_S, False


@pytest.mark.parametrize("answers", [False, True])
@pytest.mark.parametrize(("sessions", "fps"), [(10, 10.0), (6, 30.0)])
@pytest.mark.parametrize("gap_s", [2.0, 8.0])
def test_every_session_is_read_once_a_second_on_a_busy_machine(
    sessions: int, fps: float, gap_s: float, answers: bool
) -> None:
    """With key frames two seconds apart it was once in two seconds, for as long as the machine was busy."""
    machine = Machine(sessions, fps, gap_s, answers)
    machine.run(10.0)
    machine.run(20.0, cpu=1.0)
    assert machine.level() == Level.FEWER_PICTURES and machine.admission.refuses(sessions)
    began_s, decoded = machine.now_s, sum(each.decoded for each in machine.live)
    machine.run(60.0, cpu=1.0)
    for each in machine.live:
        times = [began_s, *(t_s for t_s in each.readings if t_s > began_s), machine.now_s]
        assert len(times) - 2 >= 60, "at least once a second"
        assert max(b - a for a, b in pairwise(times)) <= 1.2
        assert all(b - a >= ASK_AT_MOST_EVERY_S for a, b in pairwise(each.asked))
    shown = (sum(each.decoded for each in machine.live) - decoded) / (60.0 * fps * sessions)
    assert shown < (0.45 if answers else 0.7 if gap_s == 2.0 else 0.98), "and what can be left out is"


def test_music_that_suffers_has_the_rest_and_all_comes_back() -> None:
    machine = Machine(8, 10.0, 2.0, False)
    machine.run(10.0)
    machine.run(10.0, cpu=1.0, underruns=1)
    assert machine.level() == Level.KEY_FRAMES
    before = [len(each.readings) for each in machine.live]
    machine.run(18.0, cpu=1.0)
    counts = [len(each.readings) - n for each, n in zip(machine.live, before, strict=True)]
    assert min(counts) >= 8 and max(counts) <= 10, "all alike: every key frame"
    machine.run(20.0, cpu=1.0)
    assert machine.level() == Level.FEWER_PICTURES, "the music has not suffered since"
    machine.run(80.0)
    assert machine.level() == Level.ALL
    before = [len(each.readings) for each in machine.live]
    machine.run(10.0)
    assert min(len(each.readings) - n for each, n in zip(machine.live, before, strict=True)) >= 10
