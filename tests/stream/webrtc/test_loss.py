"""Lost, late, doubled and reordered packets, in virtual time: a sender, a network both ways, a receiver."""

from __future__ import annotations

import functools
import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from stream.webrtc.loss import (
    CAPACITY,
    MAX_MISORDER,
    MAX_MISSING,
    PICTURE_PATIENCE_S,
    SOUND_PATIENCE_S,
    PatientBuffer,
    Reminder,
    begins_frame,
)

ONE_WAY_S = 0.02
SECONDS = 15.0
START = b"\0\0\0\1"


class Weather(NamedTuple):
    loss: float = 0.0
    jitter_s: float = 0.0
    twice: float = 0.0


WEATHERS = {
    "5 % lost": Weather(0.05),
    "20 % lost": Weather(0.2),
    "40 % lost": Weather(0.4),
    "200 ms jitter": Weather(jitter_s=0.2),
    "doubled and late": Weather(jitter_s=0.03, twice=0.3),
}


def packet(number: int, timestamp: int, marker: bool, first: bool, data: bytes = b"a") -> Any:
    made = RtpPacket(97, marker, number % 65536, timestamp % 2**32, 2, data)
    made._data = (START if first else b"") + data  # type: ignore[attr-defined]
    return made


def pictures(fps: float, pieces: int, start: int = 65_400) -> list[tuple[float, Any]]:
    """Packets by the time they are sent. The numbers begin near their end, and go round."""
    sent = []
    for n in range(int(SECONDS * fps)):
        for i in range(pieces):
            stamp = round(90_000 * n / fps)
            sent.append((n / fps, packet(start + n * pieces + i, stamp, i == pieces - 1, i == 0)))
    return sent


class Got(NamedTuple):
    """`at_s` is when each frame came out; `frames` what they were."""

    at_s: list[float]
    frames: list[Any]


class Network:
    """Both directions, by seed; and who stands at its ends."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self.weather = weather
        self.now_s = 0.0
        self._rng = random.Random(seed)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], object]]] = []

    def clock(self) -> float:
        return self.now_s

    def at(self, when_s: float, what: Callable[[], object]) -> None:
        heapq.heappush(self._events, (when_s, next(self._order), what))

    def carry(self, what: Callable[[], object]) -> None:
        lost, jitter, twice = (self._rng.random() for _ in range(3))
        if lost >= self.weather.loss:
            arrives_s = self.now_s + ONE_WAY_S + jitter * self.weather.jitter_s
            for copy in range(1 + (twice < self.weather.twice)):
                self.at(arrives_s + 0.005 * copy, what)

    def run(self) -> None:
        while self._events:
            self.now_s, _, what = heapq.heappop(self._events)
            what()


def played(sent: list[tuple[float, Any]], buffer: Any, reminder: Any, network: Network) -> Got:
    """Everything sent, lost and asked for again, until nothing is under way."""
    got = Got([], [])
    history = {one.sequence_number: one for _, one in sent}

    def arrive(one: Any) -> None:
        if reminder.add(one):
            asked = [history[number] for number in sorted(reminder.missing) if number in history]
            network.carry(lambda: send_all(asked))
        _, frame = buffer.add(one)
        if frame is not None:
            for whole in [frame, *getattr(frame, "more", [])]:
                got.at_s.append(network.now_s)
                got.frames.append(whole)

    def send_all(ones: list[Any]) -> None:
        for one in ones:
            send(one)

    def send(one: Any) -> None:
        network.carry(lambda: arrive(one))

    for when_s, one in sent:
        network.at(when_s, functools.partial(send, one))
    network.run()
    return got


def received(sent: list[tuple[float, Any]], weather: Weather, pictures: bool = True) -> Got:
    network = Network(weather, seed=1)
    patience_s = PICTURE_PATIENCE_S if pictures else SOUND_PATIENCE_S
    buffer = PatientBuffer(pictures, network.clock)
    return played(sent, buffer, Reminder(patience_s, network.clock), network)


def latest_s(got: Got, clock_hz: int = 90_000) -> float:
    """How much later than over a fair network a frame came out, at most."""
    latest: float = max(
        at_s - f.timestamp / clock_hz - ONE_WAY_S for at_s, f in zip(got.at_s, got.frames, strict=True)
    )
    return latest


@pytest.mark.parametrize("name", sorted(WEATHERS))
@pytest.mark.parametrize(("fps", "pieces"), [(10.0, 1), (15.0, 3), (30.0, 8)])
def test_pictures_go_on_in_any_weather(name: str, fps: float, pieces: int) -> None:
    weather, sent = WEATHERS[name], pictures(fps, pieces)
    got = received(sent, weather)
    stamps = [f.timestamp for f in got.frames]
    assert stamps == sorted(set(stamps)), "in their order, none twice"
    assert all(len(f.data) == pieces + len(START) for f in got.frames), "only whole ones"
    share = len(stamps) / (SECONDS * fps)
    longest_s, late_s = float(np.diff([0.0, *got.at_s]).max()), latest_s(got)
    print(
        f"{name}, {fps:.0f}/s of {pieces}: {share:.0%} whole, {longest_s:.2f} s without, {late_s:.2f} s late"
    )
    assert share >= {"5 % lost": 0.99, "20 % lost": 0.93, "40 % lost": 0.65}.get(name, 0.98)
    assert longest_s <= {"40 % lost": 1.2, "20 % lost": 0.9}.get(name, 0.6)
    assert late_s <= 1.2


@pytest.mark.parametrize("name", sorted(WEATHERS))
def test_music_that_is_asked_for_again_is_heard(name: str) -> None:
    sent = [(0.02 * n, packet(n, 960 * n, False, False)) for n in range(int(SECONDS * 50))]
    got = received(sent, WEATHERS[name], pictures=False)
    stamps = np.array([f.timestamp for f in got.frames])
    assert (np.diff(stamps) >= 960).all()
    share, silence_s = len(stamps) / len(sent), float(np.diff(stamps).max() - 960) / 48_000
    print(f"{name}: {share:.1%} of the music, longest gap {1000 * silence_s:.0f} ms")
    assert share >= {"20 % lost": 0.97, "40 % lost": 0.75}.get(name, 0.99)
    assert silence_s <= {"20 % lost": 0.1, "40 % lost": 0.3}.get(name, 0.04)
    assert latest_s(got, 48_000) <= 0.6


def test_one_lost_answer_does_not_stop_the_picture() -> None:
    """A packet is lost, and so is the only answer to aiortc's only question. Then nothing more is lost."""

    def of(buffer: Any, reminder: Any) -> list[int]:
        stamps = []
        for number, (_, one) in enumerate(pictures(10.0, 1, start=0)):
            clock.now_s = number / 10.0
            if number != 20:
                reminder.add(one)
                _, frame = buffer.add(one)
                stamps += [] if frame is None else [f.timestamp for f in [frame, *getattr(frame, "more", [])]]
        return stamps

    clock = Network(Weather(), 0)
    assert len(of(PatientBuffer(True, clock.clock), Reminder(PICTURE_PATIENCE_S, clock.clock))) == 149
    assert len(of(JitterBuffer(CAPACITY, is_video=True), NackGenerator())) == 19, "aiortc can do it now"


def test_after_a_loss_the_sender_is_asked_for_a_key_frame_and_nothing_is_late() -> None:
    buffer = PatientBuffer(True, (clock := Network(Weather(), 0)).clock)
    out = []
    for number, (when_s, one) in enumerate(pictures(10.0, 2)):
        clock.now_s = when_s
        if number not in (40, 41, 60):  # a whole frame, and half of one
            _, frame = buffer.add(one)
            out += (
                [] if frame is None else [(f.timestamp, f.after_loss, when_s) for f in [frame, *frame.more]]
            )
    lost = [stamp // 9000 for stamp, after_loss, _ in out if after_loss]
    assert lost == [0, 21, 31] and buffer.given_up == 2 and len(buffer) == 0
    assert len(out) == 148
    assert all(when_s == pytest.approx(stamp / 90_000) for stamp, _, when_s in out[40:])


def test_markers_make_a_frame_whole_and_one_that_lies_is_not_believed_again() -> None:
    buffer = PatientBuffer(True, Network(Weather(), 0).clock)
    assert buffer.add(packet(1, 0, True, True))[1] is not None, "no need for the next one"
    assert buffer.add(packet(2, 3000, True, True))[1] is not None
    assert buffer.add(packet(3, 3000, True, False))[1] is None, "a second end of the same frame"
    assert buffer.add(packet(4, 6000, True, True))[1] is not None
    assert buffer.add(packet(5, 6000, True, False))[1] is None
    frame = buffer.add(packet(6, 9000, True, True))[1]
    assert frame is not None and frame.data == START + b"aa" and frame.more == []


def test_padding_after_a_frame_is_no_lie() -> None:
    buffer = PatientBuffer(True, Network(Weather(), 0).clock)
    buffer.add(packet(1, 0, True, True))
    assert buffer.add(packet(2, 0, False, False, b""))[1] is None
    frame = buffer.add(packet(3, 3000, True, True))[1]
    assert frame is not None and frame.data == b"" and frame.more[0].data == START + b"a"


def test_a_sender_that_begins_anew_is_followed_and_one_stray_packet_is_not() -> None:
    buffer = PatientBuffer(True, Network(Weather(), 0).clock)
    for n in range(200):
        buffer.add(packet(5000 + n, 3000 * n, True, True))
    assert buffer.add(packet(5199 - MAX_MISORDER - 50, 0, True, True))[1] is None
    assert buffer.add(packet(5200, 3000 * 200, True, True))[1] is not None
    assert buffer.add(packet(9, 7, True, True))[1] is None
    frame = buffer.add(packet(10, 3007, True, True))[1]
    assert frame is not None and frame.after_loss


def test_decoding_starts_where_a_frame_begins() -> None:
    assert begins_frame(packet(1, 0, True, True))
    assert not begins_frame(packet(1, 0, True, False, b"\x1c\x05"))
    assert begins_frame(packet(1, 0, True, False, b"\x10rest"))  # VP8: S, first partition
    assert not begins_frame(packet(1, 0, True, False, b"\x00rest"))
    assert not begins_frame(packet(1, 0, True, False, b"\x11rest"))


@given(
    st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 4), st.booleans(), st.booleans()), max_size=120)
)
def test_any_packets_are_bounded_and_each_comes_out_once(packets: list[tuple[int, int, bool, bool]]) -> None:
    clock = Network(Weather(), 0)
    buffer, reminder = PatientBuffer(True, clock.clock), Reminder(PICTURE_PATIENCE_S, clock.clock)
    pieces = 0
    for number, stamp, marker, first in packets:
        clock.now_s += 0.03
        one = packet(number, stamp, marker, first)
        reminder.add(one)
        _, frame = buffer.add(one)
        pieces += 0 if frame is None else sum(f.data.count(b"a") for f in [frame, *frame.more])
        assert len(buffer) <= CAPACITY and len(reminder.missing) <= MAX_MISSING
    assert pieces <= len(packets)
