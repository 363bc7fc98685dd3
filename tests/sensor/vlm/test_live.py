"""One session with both readings: as the fast one when the slow one is away, and moved by it when not."""

from __future__ import annotations

import math

import pytest
from av import VideoFrame

from sensor.reading import Reading
from sensor.vlm.eye import SlowEye
from sensor.vlm.live import FusedSensor
from sensor.vlm.messages import Looked
from sensor.vlm.picture import FRAME_PX, Fitter
from tests.sensor.pictures import blobs, flat, frame_of


class Scripted:
    """A fast sensor whose reading is what it is set to."""

    def __init__(self) -> None:
        self.point = (0.2, -0.1)
        self.confidence = 1.0

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        return Reading(t_s, *self.point, self.confidence, t_s == 2.0)


@pytest.fixture
def eye() -> SlowEye:
    return SlowEye(1, 1.0, 10.0, lambda: None)


def test_without_answers_it_reads_as_the_fast_one(eye: SlowEye) -> None:
    fast = Scripted()
    fused = FusedSensor(fast, eye)
    for i in range(100):
        t_s = i / 8
        fast.point = (math.sin(t_s), math.cos(t_s))
        assert fused.read(flat(100), t_s) == fast.read(flat(100), t_s)


def test_answers_move_its_level_and_nothing_else(eye: SlowEye) -> None:
    fast = Scripted()
    fused = FusedSensor(fast, eye)
    for i in range(240):
        reading = fused.read(flat(100), i / 8)
        if (offered := eye.take_offered()) is not None:
            eye.deliver(Looked(1, offered.t_s, -0.6, 0.7, 1.0))
    assert (reading.valence, reading.arousal) == pytest.approx((-0.6, 0.7), abs=0.02)
    assert reading.confidence == 1.0 and reading.t_s == 239 / 8


def test_what_shows_nothing_is_not_offered(eye: SlowEye) -> None:
    fast = Scripted()
    fused = FusedSensor(fast, eye)
    fast.confidence = 0.0
    assert fused.read(flat(0), 1.0).confidence == 0.0
    assert eye.take_offered() is None
    fast.confidence = 0.1
    fused.read(flat(9), 2.0)
    assert eye.take_offered() is not None


def test_levels_are_corrected_before_they_are_stretched(eye: SlowEye) -> None:
    fast = Scripted()
    plain, stretched = FusedSensor(fast, eye), FusedSensor(fast, SlowEye(2, 1.0, 0.0, lambda: None), "full")
    for i in range(2400):
        fast.point = (0.05 + 0.02 * math.sin(i), 0.0)
        for each in (plain, stretched):
            reading = each.read(flat(100), i / 8)
            if (offered := each._slow.take_offered()) is not None:
                each._slow.deliver(Looked(1, offered.t_s, -0.1, 0.0, 1.0))
    assert plain.read(flat(100), 301.0).valence == pytest.approx(-0.1, abs=0.05)
    assert reading.valence < -0.15, "stretched on the side where the corrected level is"


def test_the_anchor_is_handed_on_once(eye: SlowEye) -> None:
    fused = FusedSensor(Scripted(), eye)
    assert fused.take_anchor() is None
    eye.deliver_anchor("slow piano")
    assert fused.take_anchor() == "slow piano"
    assert fused.take_anchor() is None


@pytest.mark.parametrize(
    ("width", "height"),
    [(1280, 720), (720, 1280), (320, 180), (2, 2), (3840, 2), (2, 900), (7, 5), (7680, 4320)],
)
@pytest.mark.parametrize("pixels", ["yuv420p", "gray", "rgba", "yuv420p10le"])
def test_frames_of_any_shape_are_fitted(width: int, height: int, pixels: str) -> None:
    frame = VideoFrame(width, height, pixels)
    rgb = Fitter().fit(frame)
    assert rgb is not None and rgb.ndim == 3 and rgb.shape[2] == 3
    assert max(rgb.shape[:2]) <= FRAME_PX and min(rgb.shape[:2]) >= 16


def test_the_aspect_is_kept() -> None:
    rgb = Fitter().fit(frame_of(blobs(1, 1280, 720)))
    assert rgb is not None and rgb.shape == (252, 448, 3)
