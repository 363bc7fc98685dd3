"""The cut detector on scripted pictures: what is a cut, how late, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.cuts import CutDetector
from sensor.encoder import Features
from sensor.picture import Luma
from tests.sensor.pictures import blobs


def luma_of(seed: int) -> Luma:
    plane: Luma = (blobs(seed, 64, 36).mean(2) / 255).astype(np.float32)
    return plane


def look_of(seed: int) -> Features:
    return np.random.default_rng(seed).standard_normal(320).astype(np.float32)


def run(shots: list[int], hz: float = 8.0) -> list[int]:
    """Where cuts are reported in pictures of these shots."""
    detector = CutDetector()
    return [i for i, s in enumerate(shots) if detector.add(luma_of(s), look_of(s), i / hz)]


@pytest.mark.parametrize("hz", [4.0, 8.0, 30.0])
def test_a_cut_is_reported_once_and_one_picture_late(hz: float) -> None:
    assert run([1] * 6 + [2] * 6 + [3] * 6, hz) == [7, 13]


def test_a_cut_into_unrest_is_reported_two_pictures_late() -> None:
    assert run([1, 1, 1, 2, 3, 4, 4, 4])[0] == 5


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length: int) -> None:
    flash = [9, 8][:length]
    assert run([1] * 6 + flash + [1] * 6) == []


def test_brightness_alone_is_no_cut() -> None:
    detector = CutDetector()
    levels = [1.0, 0.8, 0.5, 0.3, 0.15, 0.3, 0.6, 1.0]
    # A fade changes what the encoder sees, but not the structure of the plane.
    found = [detector.add(luma_of(1) * x, look_of(i), i / 8) for i, x in enumerate(levels)]
    assert not any(found)


def test_a_pan_is_no_cut() -> None:
    detector = CutDetector()
    # Every pixel moves; the kind of place stays.
    found = [detector.add(luma_of(i), look_of(1) + 0.5 * look_of(100 + i), i / 8) for i in range(12)]
    assert not any(found)


def test_black_between_two_shots_is_no_cut() -> None:
    detector = CutDetector()
    found = [detector.add(luma_of(1), look_of(1), i / 8) for i in range(4)]
    detector.skip()
    found += [detector.add(luma_of(2), look_of(2), 1 + i / 8) for i in range(4)]
    assert not any(found)


def test_a_gap_in_the_video_is_no_cut() -> None:
    detector = CutDetector()
    assert not any(
        detector.add(luma_of(s), look_of(s), t) for s, t in ((1, 0.0), (1, 0.1), (2, 5.0), (2, 5.1))
    )


def test_flat_and_broken_planes_are_survived() -> None:
    detector = CutDetector()
    plane = np.full((36, 64), np.nan, np.float32)
    for t_s, luma in enumerate((np.zeros((36, 64), np.float32), plane, np.zeros((2, 2), np.float32))):
        detector.add(luma, np.zeros(320, np.float32), t_s / 8)
