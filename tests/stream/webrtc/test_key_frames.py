"""A strained machine decodes what a reading a second needs, whatever the sender does: in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from stream.sensing.schedule import LONGEST_PERIOD_S
from stream.webrtc.backlog import KEY_PATIENCE_S, EncodedFrames
from stream.webrtc.key_frames import (
    ASK_AT_LEAST_EVERY_S,
    ASK_AT_MOST_EVERY_S,
    GAPS,
    KeyFrames,
    Pictures,
)
from stream.webrtc.loss import Assembled

FPS = 30
KEY, INTER = b"\x10", b"\x11"


class Sender:
    """Sends pictures into a queue before a decoder, and obeys its own key frames or those asked for."""

    def __init__(self, due: Callable[[float], bool], answers: bool = False, delay_s: float = 0.1) -> None:
        self.now_s = 0.0
        self.asked: list[float] = []
        self.decoded: list[float] = []
        self.keys: list[float] = []
        self.sent = 0
        self.frames = EncodedFrames(30, lambda: self.asked.append(self.now_s), lambda: self.now_s)
        self._due, self._answers, self._delay_s = due, answers, delay_s
        self._answered = 0

    def run(self, seconds: float) -> None:
        for _ in range(round(FPS * seconds)):
            key = self.sent == 0 or self._due(self.now_s)
            waits = self._answers and len(self.asked) > self._answered
            if waits and self.now_s - self.asked[self._answered] >= self._delay_s:
                key, self._answered = True, len(self.asked)
            self.frames.put((SimpleNamespace(name="VP8"), Assembled(KEY if key else INTER, 0)))
            if len(self.frames):
                item = self.frames.get()
                assert item is not None and (item[1].data == KEY) == key
                self.decoded.append(self.now_s)
                assert key or self._in_order(), "it refers to one that was not decoded"
            if key:
                self.keys.append(self.now_s)
            self.sent += 1
            self.now_s = self.sent / FPS

    def _in_order(self) -> bool:
        return len(self.decoded) < 2 or self.decoded[-1] - self.decoded[-2] < 1.5 / FPS

    def longest_s(self, since_s: float) -> float:
        """The longest time without a picture."""
        times = [since_s, *(t_s for t_s in self.decoded if t_s > since_s), self.now_s]
        return float(np.diff(times).max())

    def share(self, since_s: float) -> float:
        """Of the pictures that came, how many were decoded."""
        return sum(t_s > since_s for t_s in self.decoded) / (FPS * (self.now_s - since_s))


def every(gap_s: float) -> Callable[[float], bool]:
    return lambda t_s: round(t_s * FPS) % round(gap_s * FPS) == 0


@pytest.mark.parametrize("gap_s", [0.5, 1.0, 1.2, 1.5, 2.0, 4.0, 10.0])
def test_a_sender_that_heeds_nothing_is_seen_every_second(gap_s: float) -> None:
    """Key frames alone, two seconds apart, gave a picture every two seconds."""
    sender = Sender(every(gap_s))
    sender.run(12.0)
    sender.frames.pictures = Pictures.ONE_A_SECOND
    sender.run(60.0)
    assert sender.longest_s(12.0) <= LONGEST_PERIOD_S + 2 / FPS
    needed = max(gap_s - LONGEST_PERIOD_S, 0.0) / gap_s
    assert sender.share(24.0) <= needed + 2 / FPS / gap_s + 0.03, "and no more is decoded than that needs"


def test_a_sender_that_answers_is_asked_and_little_else_is_decoded() -> None:
    sender = Sender(lambda t_s: False, answers=True)
    sender.run(100.0)
    assert sender.asked == []
    sender.frames.pictures = Pictures.ONE_A_SECOND
    sender.run(60.0)
    assert sender.longest_s(100.0) <= LONGEST_PERIOD_S + 2 / FPS
    assert sender.share(105.0) < 0.35
    assert 40 <= len(sender.asked) <= 60 and min(np.diff(sender.asked)) >= ASK_AT_MOST_EVERY_S


def test_a_sender_that_does_not_answer_is_asked_less_and_less() -> None:
    sender = Sender(every(10.0))
    sender.frames.pictures = Pictures.ONE_A_SECOND
    sender.run(300.0)
    apart = np.diff(sender.asked)
    assert min(apart) >= ASK_AT_MOST_EVERY_S and np.median(apart) >= ASK_AT_LEAST_EVERY_S


def test_key_frames_that_do_not_come_when_they_should_are_waited_for_once() -> None:
    """Cuts had it send them often, and then a shot is long."""
    sender = Sender(lambda t_s: every(1.0 if t_s < 20.0 else 8.0)(t_s))
    sender.frames.pictures = Pictures.ONE_A_SECOND
    sender.run(20.0)
    assert sender.longest_s(1.0) <= 1.0 and sender.share(5.0) < 0.4
    sender.run(100.0)
    assert 4.0 < sender.longest_s(19.0) <= KEY_PATIENCE_S + 1.0
    assert sender.longest_s(24.0) <= LONGEST_PERIOD_S + 2 / FPS
    assert sender.share(100.0) < 0.95, "in time it is trusted again"


def test_a_sender_that_never_sends_one_is_decoded_all_the_same() -> None:
    sender = Sender(lambda t_s: False)
    sender.frames.pictures = Pictures.ONE_A_SECOND
    sender.run(60.0)
    assert sender.share(0.0) > 0.95


def test_the_last_resort_decodes_key_frames_and_comes_back() -> None:
    sender = Sender(every(2.0))
    sender.run(10.0)
    sender.frames.pictures = Pictures.KEY_FRAMES
    sender.run(20.0)
    assert [t_s for t_s in sender.decoded if t_s > 10.0] == [t_s for t_s in sender.keys if t_s > 10.0]
    sender.frames.pictures = Pictures.ONE_A_SECOND
    sender.run(20.0)
    assert sender.longest_s(32.0) <= LONGEST_PERIOD_S + 2 / FPS
    sender.frames.pictures = Pictures.ALL
    sender.run(10.0)
    assert sender.share(53.0) > 0.99


def test_what_is_remembered_is_bounded() -> None:
    key_frames = KeyFrames()
    for n in range(1000):
        key_frames.came(100.0 if n == 0 else 100.0 + 5.0 * n)
    assert key_frames.gap_s == 5.0
    key_frames.failed_to_come()
    for n in range(GAPS):
        assert key_frames.needed(1e9)
        key_frames.came(6000.0 + 2.0 * n)
    assert key_frames.gap_s < 1e9
