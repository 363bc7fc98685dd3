"""Any frame a decoder may hand over becomes a small picture, or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame

from sensor.oasis import read_still
from sensor.picture import Shrinker
from tests.sensor.pictures import blobs, flat, frame_of, turn_clip, write_clip

FORMATS = [
    "yuv420p",
    "nv12",
    "gray",
    "gray16le",
    "yuv420p10le",
    "yuv444p12le",
    "rgba",
    "yuva420p",
    "pal8",
    "bgr0",
    "yuyv422",
    "p010le",
]


@pytest.mark.parametrize("pixels", FORMATS)
def test_every_pixel_format(pixels: str) -> None:
    picture = Shrinker(64).shrink(VideoFrame(101, 77, pixels))
    assert picture is not None
    assert picture.rgb.shape == (64, 64, 3)
    assert picture.rgb.dtype == np.uint8
    assert picture.luma.shape == (36, 64)


@pytest.mark.parametrize("size", [(180, 320), (7680, 4320), (2, 2), (3, 500), (1921, 1081)])
def test_every_size(size: tuple[int, int]) -> None:
    picture = Shrinker(64).shrink(VideoFrame(*size, "yuv420p"))
    assert picture is not None
    assert picture.rgb.shape == (64, 64, 3)
    assert np.isfinite(picture.luma).all()


def test_an_empty_frame_is_no_picture() -> None:
    assert Shrinker(64).shrink(VideoFrame()) is None
    assert Shrinker(64).shrink(VideoFrame(1, 1, "yuv420p")) is None


def test_what_is_seen_is_the_picture() -> None:
    rgb = np.zeros((180, 320, 3), np.uint8)
    rgb[:, 160:] = (250, 10, 10)
    picture = Shrinker(64).shrink(frame_of(rgb))
    assert picture is not None
    assert picture.rgb[32, 48].tolist() == pytest.approx([250, 10, 10], abs=12)
    assert picture.rgb[32, 10].max() < 12
    assert picture.luma[18, 50] > picture.luma[18, 10] + 0.2


def test_confidence_is_in_what_there_is_to_see() -> None:
    shrinker = Shrinker(64)
    found = [
        shrinker.shrink(frame) for frame in (flat(0), flat(255), frame_of(blobs(1) // 24), frame_of(blobs(1)))
    ]
    black, white, dim, full = (picture.confidence for picture in found if picture is not None)
    assert black == white == 0.0
    assert 0.0 <= dim < full == 1.0


def test_sizes_may_change_from_frame_to_frame() -> None:
    shrinker = Shrinker(64)
    for size in ((320, 180), (180, 320), (320, 180)):
        picture = shrinker.shrink(frame_of(blobs(2, *size)))
        assert picture is not None
        assert picture.confidence == 1.0


@pytest.mark.parametrize(
    "pixels", ["nv12", "yuv444p", "yuv420p10le", "p010le", "yuva420p", "rgba", "bgr0", "yuyv422"]
)
def test_the_same_picture_in_any_format_is_seen_alike(pixels: str) -> None:
    rgb = blobs(3)
    plain, other = Shrinker(64).shrink(frame_of(rgb)), Shrinker(64).shrink(frame_of(rgb, pixels))
    assert plain is not None and other is not None
    assert np.abs(plain.rgb.astype(int) - other.rgb).mean() < 5
    assert np.abs(plain.luma - other.luma).mean() < 0.01
    assert other.confidence == pytest.approx(plain.confidence, abs=0.05)


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_a_picture_is_seen_the_way_it_was_held(degrees: int, tmp_path: Path) -> None:
    upright = frame_of(blobs(4, 320, 180))
    turned = np.rot90(blobs(4, 320, 180), -degrees // 90)
    path = tmp_path / "turned.mp4"
    write_clip(path, [np.ascontiguousarray(turned)] * 3)
    turn_clip(path, degrees)
    frame = read_still(path)
    assert frame.rotation in (degrees, degrees - 360)
    expected, found = Shrinker(64).shrink(upright), Shrinker(64).shrink(frame)
    assert expected is not None and found is not None
    assert np.abs(expected.rgb.astype(int) - found.rgb).mean() < 8
    assert np.abs(expected.luma - found.luma).mean() < 0.03


def test_two_fields_are_one_picture() -> None:
    """Interlaced: the odd lines are a moment later."""
    now, later = blobs(5), np.roll(blobs(5), 6, 1)
    woven = now.copy()
    woven[1::2] = later[1::2]
    plain, mixed = Shrinker(64).shrink(frame_of(now)), Shrinker(64).shrink(frame_of(woven))
    assert plain is not None and mixed is not None
    assert np.abs(plain.luma - mixed.luma).mean() < 0.04
    assert mixed.confidence == plain.confidence
