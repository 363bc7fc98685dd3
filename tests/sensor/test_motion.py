"""Motion and cuts as arousal."""

from __future__ import annotations

import numpy as np
import pytest

from sensor.motion import Motion
from sensor.picture import Luma
from tests.sensor.pictures import blobs

WIDE = (blobs(3, 256, 36).mean(2) / 255).astype(np.float32)


def panned(speed_px_s: float, t_s: float) -> Luma:
    at = int(speed_px_s * t_s) % 190
    return WIDE[:, at : at + 64]


def moving(speed_px_s: float, hz: float, seconds: float = 4.0) -> float:
    motion = Motion()
    found = [motion.add(panned(speed_px_s, i / hz), i / hz, False) for i in range(int(seconds * hz))]
    return float(np.mean(found[int(hz) :]))


def test_faster_is_more_aroused_and_still_is_less() -> None:
    still, slow, fast = (moving(speed, 8.0) for speed in (0, 10, 40))
    assert still < -0.1 < slow < fast <= 0.5


@pytest.mark.parametrize("speed", [10, 30])
def test_the_rate_of_pictures_matters_little(speed: float) -> None:
    assert moving(speed, 5.0) == pytest.approx(moving(speed, 25.0), abs=0.12)


def test_cuts_add_arousal_and_are_not_motion() -> None:
    picture = panned(0, 0)
    cutting, calm = Motion(), Motion()
    for i in range(64):
        calm.add(picture, i / 8, False)
        cut = i % 8 == 7
        cutting.add(1 - picture if i // 8 % 2 else picture, i / 8, cut, jump=i % 8 == 0)
    assert 0.1 < cutting.arousal - calm.arousal < 0.3


def test_one_flash_is_not_motion() -> None:
    motion = Motion()
    for i in range(16):
        motion.add(panned(0, 0), i / 8, False)
    before = motion.arousal
    motion.add(panned(0, 0) * 0 + 1, 2.0, False, jump=True)
    assert motion.arousal == before


def test_nothing_is_known_from_one_picture_or_across_a_gap() -> None:
    motion = Motion()
    assert motion.add(panned(0, 0), 0.0, False) == 0.0
    assert motion.add(1 - panned(0, 0), 9.0, False) == 0.0
    assert motion.add(panned(0, 0)[:10], 9.1, False) == 0.0
    assert motion.add(panned(0, 0), 3.0, False) == 0.0
