"""Motion and cuts as arousal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sensor.motion import Motion, change_of
from sensor.picture import Luma
from tests.sensor.pictures import blobs

Scene = Callable[[float, float], Luma]
WIDE = (blobs(3, 256, 36).mean(2) / 255).astype(np.float32)


def panned(speed_px_s: float, t_s: float) -> Luma:
    at = int(speed_px_s * t_s) % 190
    plane: Luma = WIDE[:, at : at + 64]
    return plane


def crossing(speed_px_s: float, t_s: float) -> Luma:
    """Two halves that move against each other: no camera does that."""
    ahead, behind = panned(speed_px_s, t_s), panned(speed_px_s, 10 - t_s)
    return np.concatenate([ahead[:18], behind[18:]])


def moving(scene: Scene, speed_px_s: float, hz: float, seconds: float = 4.0) -> float:
    motion = Motion()
    found = [motion.add(scene(speed_px_s, i / hz), i / hz, False) for i in range(int(seconds * hz))]
    return float(np.mean(found[int(hz) :]))


def test_faster_is_more_aroused_and_still_is_less() -> None:
    still, slow, fast = (moving(crossing, speed, 8.0) for speed in (0, 8, 40))
    assert still < -0.03
    assert still + 0.005 < slow < fast - 0.02
    assert fast <= 0.2


def test_a_camera_that_turns_is_not_action() -> None:
    assert moving(panned, 24, 8.0) < moving(crossing, 24, 8.0) - 0.05


@pytest.mark.parametrize("speed", [3, 10])
def test_the_rate_of_pictures_matters_little(speed: float) -> None:
    assert moving(crossing, speed, 5.0) == pytest.approx(moving(crossing, speed, 25.0), abs=0.05)


def test_what_goes_on_is_got_used_to() -> None:
    running, resting = Motion(), Motion()
    excess = [
        running.add(crossing(40, i / 8 % 4), i / 8, False) - resting.add(crossing(0, 0), i / 8, False)
        for i in range(8 * 60)
    ]
    at_first, at_last = np.mean(excess[8:16]), np.mean(excess[-80:])
    assert at_first > 0.05
    assert abs(at_last) < 0.2 * at_first
    # Then everything stands still, which is felt more than if it had always done so.
    for i in range(8 * 60, 8 * 64):
        found = running.add(crossing(0, 0), i / 8, False) - resting.add(crossing(0, 0), i / 8, False)
    assert found < -0.05


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


def test_a_burst_in_a_still_picture_excites_more_than_a_pan() -> None:
    def burst(_: float, t_s: float) -> Luma:
        plane = panned(0, 0).copy()
        if round(8 * t_s) % 3 == 0:
            plane[10:18, 28:36] = 1.0
        return plane

    assert moving(burst, 0, 8.0) > moving(panned, 24, 8.0) + 0.03


def test_planes_too_small_for_blocks_are_survived() -> None:
    small = np.zeros((4, 4), np.float32)
    assert change_of(small, small + 1) == (1.0, 0.0)
