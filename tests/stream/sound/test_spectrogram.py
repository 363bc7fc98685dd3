from __future__ import annotations

import numpy as np
import pytest

from stream.ports import SAMPLE_RATE_HZ, Block
from stream.sound.spectrogram import BANDS, Spectrogram


def tone(hz: float, seconds: float) -> Block:
    n = np.arange(round(seconds * SAMPLE_RATE_HZ))
    return np.repeat(np.sin(2 * np.pi * hz * n / SAMPLE_RATE_HZ)[:, None], 2, axis=1).astype(np.float32)


def band_of(hz: float) -> float:
    return BANDS * float(np.log(hz / 40.0) / np.log(400.0))


@pytest.mark.parametrize("size", [480, 4800, 1_000_000])
def test_a_tone_is_seen_at_its_pitch_and_time_whatever_the_blocks(size: int) -> None:
    sound = np.concatenate([tone(220, 2), tone(1760, 2)])
    picture = Spectrogram(len(sound), 100)
    for start in range(0, len(sound), size):
        picture.add(sound[start : start + size])
    levels = picture.levels()
    assert levels.shape[0] == BANDS and abs(levels.shape[1] - 100) <= 1
    assert levels[:, 25].argmax() == pytest.approx(band_of(220), abs=3)
    assert levels[:, 75].argmax() == pytest.approx(band_of(1760), abs=3)


def test_a_long_sound_is_as_wide_as_a_short_one() -> None:
    picture = Spectrogram(3600 * SAMPLE_RATE_HZ, 50)
    for _ in range(60):
        picture.add(np.zeros((SAMPLE_RATE_HZ, 2), dtype=np.float32))
    assert picture.levels().shape[1] <= 2


def test_a_sound_shorter_than_a_frame_is_drawn() -> None:
    picture = Spectrogram(100, 50)
    picture.add(tone(440, 0.002))
    assert np.isfinite(picture.levels()).all()
