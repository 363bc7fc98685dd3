"""A video's own sound: exactly as long as asked, in its place, silence where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stream.ports import SAMPLE_RATE_HZ, Block
from stream.sound.original_sound import original_sound
from tests.stream.clips import make_clip


def sound(path: Path, start_s: float, seconds: float) -> Block:
    samples = round(seconds * SAMPLE_RATE_HZ)
    blocks = list(original_sound(path, start_s, samples, 4800))
    assert all(len(block) == 4800 for block in blocks[:-1])
    whole = np.concatenate(blocks)
    assert whole.shape == (samples, 2) and whole.dtype == np.float32
    return whole


def level(pcm: Block) -> float:
    return float(np.sqrt(np.mean(np.square(pcm))))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_it_is_as_long_as_asked_and_silent_after_its_end(tmp_path: Path, suffix: str) -> None:
    pcm = sound(make_clip(tmp_path / f"in{suffix}", tone_hz=440.0), 0.0, 2.77)
    assert level(pcm[4800:90_000]) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    assert level(pcm[100_000:]) < 1e-4


def test_what_begins_late_is_heard_late(tmp_path: Path) -> None:
    pcm = sound(make_clip(tmp_path / "in.mkv", tone_hz=440.0, late_s=0.5), 0.0, 2.0)
    first = int((np.abs(pcm).max(axis=1) > 0.1).argmax())
    assert first / SAMPLE_RATE_HZ == pytest.approx(0.5, abs=0.03)


def test_what_lies_before_the_picture_is_left_out(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", tone_hz=440.0)
    assert level(sound(path, 1.0, 2.0)[: SAMPLE_RATE_HZ - 4800]) > 0.1
    assert level(sound(path, 1.0, 2.0)[SAMPLE_RATE_HZ + 4800 :]) < 1e-4


def test_no_sound_is_silence(tmp_path: Path) -> None:
    assert not sound(make_clip(tmp_path / "in.mp4"), 0.0, 1.0).any()
