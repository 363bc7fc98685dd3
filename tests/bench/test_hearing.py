"""Loudness, brightness, onsets: on signals whose answer is known, in blocks of any size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench import hearing
from bench.hearing import Listener, Sound

RATE = 48_000
Stereo = npt.NDArray[np.float32]


def tone(hz: float, seconds: float, gain: float) -> Stereo:
    t = np.arange(int(RATE * seconds)) / RATE
    return np.repeat((gain * np.sin(2 * np.pi * hz * t))[:, None], 2, axis=1).astype(np.float32)


def heard(pcm: Stereo, sizes: tuple[int, ...] = (RATE,)) -> Sound:
    listener = Listener()
    at, turn = 0, 0
    while at < len(pcm):
        size = sizes[turn % len(sizes)]
        listener.hear(pcm[at : at + size])
        at, turn = at + size, turn + 1
    return listener.sound()


def test_a_full_scale_kilohertz_in_both_channels_is_at_zero_lufs() -> None:
    # BS.1770: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS, so in two it reads 0.
    sound = heard(tone(997.0, 12.0, 1.0))
    assert hearing.lufs(sound.power) == pytest.approx(0.0, abs=0.05)


def test_loudness_follows_the_gain() -> None:
    soft, loud = (hearing.lufs(heard(tone(440.0, 3.0, gain)).power) for gain in (0.05, 0.1))
    assert loud - soft == pytest.approx(6.02, abs=0.05)


@pytest.mark.parametrize("hz", [400.0, 3000.0])
def test_the_centroid_of_a_tone_is_its_frequency(hz: float) -> None:
    assert heard(tone(hz, 2.0, 0.2)).centroid_hz[2:-2].mean() == pytest.approx(hz, rel=0.05)


def test_onsets_are_counted_and_a_held_tone_has_none() -> None:
    pcm = 1e-4 * np.random.default_rng(0).standard_normal((6 * RATE, 2)).astype(np.float32)
    fading = np.exp(-np.linspace(0.0, 8.0, 14_400))[:, None]
    for k in range(11):
        at = int((0.5 + 0.5 * k) * RATE)
        pcm[at : at + 14_400] += tone(700.0, 0.3, 0.3) * fading
    assert abs(len(hearing.onsets_s(heard(pcm).flux)) - 11) <= 1
    assert len(hearing.onsets_s(heard(tone(700.0, 6.0, 0.3)).flux[2:])) == 0


def test_block_sizes_do_not_matter() -> None:
    pcm = 0.1 * np.random.default_rng(1).standard_normal((25 * RATE, 2)).astype(np.float32)
    whole, blocks = heard(pcm, (25 * RATE,)), heard(pcm, (999, 48_000, 7))
    for a, b, name in zip(whole, blocks, Sound._fields, strict=True):
        assert a.shape == b.shape, name
        assert np.allclose(a, b, rtol=2e-3, atol=1e-4), name


def test_a_stretch_has_the_frames_of_that_time() -> None:
    pcm = np.concatenate([tone(500.0, 4.0, 0.01), tone(500.0, 4.0, 0.3)])
    sound = heard(pcm)
    assert hearing.lufs(sound.between(5.0, 7.0).power) - hearing.lufs(sound.between(1.0, 3.0).power) > 25


def test_less_than_a_frame_is_refused() -> None:
    listener = Listener()
    listener.hear(np.zeros((100, 2), np.float32))
    with pytest.raises(ValueError, match="Less than one frame"):
        listener.sound()
