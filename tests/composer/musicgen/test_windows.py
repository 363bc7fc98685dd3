"""The schedule of the two lanes."""

from __future__ import annotations

import pytest

from composer.musicgen.windows import Windows


@pytest.mark.parametrize("windows", [Windows(500, 250), Windows(60, 20), Windows(9, 1)])
def test_a_window_has_read_along_for_its_overlap_when_it_begins_to_write(windows: Windows) -> None:
    for step in range(windows.length, 6 * windows.length):
        window = windows.writing(step)
        if windows.writing(step - 1) != window:
            assert window == windows.writing(step - 1) + 1
            assert step - windows.begins(window) == windows.overlap


@pytest.mark.parametrize("windows", [Windows(500, 250), Windows(60, 20)])
def test_no_window_outgrows_its_length_and_each_keeps_its_lane(windows: Windows) -> None:
    lane_of: dict[int, int] = {}
    for step in range(6 * windows.length):
        lanes = windows.in_lanes(step)
        assert windows.writing(step) in lanes
        for lane, window in enumerate(lanes):
            if window is not None:
                assert 0 <= step - windows.begins(window) < windows.length
                assert lane_of.setdefault(window, lane) == lane


def test_two_lanes_cannot_hold_more_than_half_of_overlap() -> None:
    with pytest.raises(ValueError, match="at most half"):
        Windows(100, 51)
