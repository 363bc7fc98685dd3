"""A whole sensor on scripted video: different pictures, cuts, and all that may be wrong with a frame."""

from __future__ import annotations

import math

import numpy as np
import pytest
from av import VideoFrame

from sensor.live import Eye, LiveSensor
from sensor.window import AffectWindow
from tests.sensor.pictures import blobs, flat, frame_of


def test_readings_are_in_range_and_differ(eye: Eye) -> None:
    sensor = LiveSensor(eye)
    found = [sensor.read(frame_of(blobs(seed)), seed / 8) for seed in range(6)]
    assert len({(reading.valence, reading.arousal) for reading in found}) == 6
    for reading in found:
        assert -1 <= reading.valence <= 1
        assert -1 <= reading.arousal <= 1
        assert reading.confidence == 1.0


def test_same_frames_same_readings(eye: Eye) -> None:
    one, two = LiveSensor(eye), LiveSensor(eye)
    for i in range(4):
        assert one.read(frame_of(blobs(i)), i / 8) == two.read(frame_of(blobs(i)), i / 8)


@pytest.mark.parametrize(
    "frame",
    [
        VideoFrame(),
        VideoFrame(1, 1, "yuv420p"),
        VideoFrame(7680, 4320, "yuv420p"),
        flat(0),
        flat(255),
        frame_of(blobs(1, 180, 320)),
        frame_of(blobs(1), "gray"),
        frame_of(blobs(1), "yuv420p10le"),
        frame_of(blobs(1), "rgba"),
        frame_of(blobs(1), "yuva420p"),
    ],
)
def test_no_frame_is_too_odd(eye: Eye, frame: VideoFrame) -> None:
    sensor = LiveSensor(eye)
    sensor.read(frame_of(blobs(2)), 0.0)
    reading = sensor.read(frame, 0.125)
    assert all(math.isfinite(value) for value in reading[:4])
    assert 0 <= reading.confidence <= 1
    assert not sensor.read(frame_of(blobs(2)), 0.25).cut


def test_an_empty_or_black_frame_has_no_confidence_and_repeats_the_last(eye: Eye) -> None:
    sensor = LiveSensor(eye)
    good = sensor.read(frame_of(blobs(2)), 0.0)
    for i, frame in enumerate((VideoFrame(), flat(0), flat(128))):
        reading = sensor.read(frame, 0.1 + i / 8)
        assert reading.confidence == 0.0
        assert reading[1:3] == good[1:3]


@pytest.mark.parametrize("t_s", [math.nan, math.inf, -math.inf, -5.0, 0.0])
def test_odd_times_are_survived(eye: Eye, t_s: float) -> None:
    sensor, window = LiveSensor(eye), AffectWindow()
    for at in (0.0, 0.125, t_s, 0.25, 0.375):
        window.add(sensor.read(frame_of(blobs(2)), at))
    affect = window.estimate(0.5)
    assert affect.confidence > 0.5
    assert all(math.isfinite(value) for value in affect)


def test_a_cut_is_seen_once_and_a_flash_is_not(eye: Eye, scenes: list[VideoFrame]) -> None:
    sensor = LiveSensor(eye)
    one, two = scenes
    frames = [one] * 5 + [two] * 5
    found = [sensor.read(frame, i / 8).cut for i, frame in enumerate(frames)]
    assert found.index(True) in (6, 7)
    assert sum(found) == 1
    again = LiveSensor(eye)
    white = frame_of(np.full((180, 320, 3), 235, np.uint8) - blobs(2) // 40)
    flashes = [again.read(white if i == 5 else one, i / 8).cut for i in range(10)]
    assert not any(flashes)


@pytest.fixture
def scenes() -> list[VideoFrame]:
    """Two very different scenes: a dark checkered room, a bright landscape."""
    rows, columns = np.mgrid[0:180, 0:320]
    room = np.zeros((180, 320, 3), np.uint8)
    room[(rows // 20 + columns // 20) % 2 == 0] = (90, 40, 20)
    land = np.zeros((180, 320, 3), np.uint8)
    land[:90] = (120, 180, 250)
    land[90:] = (60, 160, 50)
    land[60:90, 100:200] = (200, 220, 240)
    return [frame_of(room), frame_of(land)]


@pytest.mark.parametrize("t_s", [math.nan, math.inf, -3.0])
def test_cuts_are_seen_after_an_odd_time(eye: Eye, scenes: list[VideoFrame], t_s: float) -> None:
    sensor = LiveSensor(eye)
    one, two = scenes
    sensor.read(one, 0.0)
    sensor.read(one, t_s)
    assert any(sensor.read(two if i > 2 else one, 0.1 + i / 8).cut for i in range(7))


def test_motion_raises_arousal(eye: Eye) -> None:
    wide = blobs(5, 640, 180)
    moving = LiveSensor(eye)
    rested, moved = [], []
    for i in range(12):
        there, here = wide[:90, 26 * i : 26 * i + 320], wide[90:, 320 - 26 * i : 640 - 26 * i]
        picture = frame_of(np.concatenate([there, here]))
        moved.append(moving.read(picture, i / 8).arousal)
        # The same pictures, but each on its own: nothing is known about motion.
        rested.append(LiveSensor(eye).read(picture, 0.0).arousal)
    assert float(np.mean(moved[4:])) > float(np.mean(rested[4:])) + 0.05


def test_adaptation_is_off_unless_asked_for(eye: Eye) -> None:
    plain, stretched = LiveSensor(eye), LiveSensor(eye, adaptation="full")
    for i in range(40):
        frame = frame_of(blobs(i % 3, 160, 90))
        first, second = plain.read(frame, i / 2), stretched.read(frame, i / 2)
        assert first.valence * second.valence >= 0
    assert first != second
