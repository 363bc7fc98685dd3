"""Music beside another sound: sums, ducking under speech, no sample over full scale, nothing delayed."""

from __future__ import annotations

import numpy as np
import pytest

from stream.ports import SAMPLE_RATE_HZ, Block
from stream.sound.mixing import HOP_SAMPLES, Ducker, mixed

SECOND = SAMPLE_RATE_HZ


def tone(hz: float, seconds: float, amplitude: float) -> Block:
    n = np.arange(round(seconds * SECOND))
    return np.repeat((amplitude * np.sin(2 * np.pi * hz * n / SECOND))[:, None], 2, axis=1).astype(np.float32)


def pieces(pcm: Block, size: int) -> list[Block]:
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


class Delay:
    """A limiter that limits nothing: `latency` samples late."""

    def __init__(self, latency: int) -> None:
        self._inside = np.zeros((latency, 2), dtype=np.float32)

    def __call__(self, hop: Block) -> Block:
        assert hop.shape == (HOP_SAMPLES, 2)
        both = np.concatenate([self._inside, hop])
        self._inside = both[HOP_SAMPLES:]
        return both[:HOP_SAMPLES]


@pytest.mark.parametrize("samples", [480, 4800, 4801, 5279, 100, 48_000])
def test_the_sum_has_the_musics_length_and_is_not_late(samples: int) -> None:
    rng = np.random.default_rng(2)
    music, other = (rng.uniform(-0.3, 0.3, (samples, 2)).astype(np.float32) for _ in range(2))
    out = np.concatenate(list(mixed(pieces(music, 1000), pieces(other, 777), -6.0, None, Delay(96), 96)))
    assert out.shape == music.shape
    assert np.allclose(out, music * 10 ** (-6 / 20) + other, atol=1e-6)


def levels(music: Block, other: Block) -> Block:
    """How much of the music is left in each 10 ms."""
    duck = Ducker(depth_db=12.0)
    hops = zip(pieces(music, HOP_SAMPLES), pieces(other, HOP_SAMPLES), strict=True)
    return np.array([np.abs(duck.duck(one, two)).max() / np.abs(one).max() for one, two in hops])


def test_music_steps_back_under_a_voice_and_comes_back_after_it() -> None:
    music = np.ones((4 * SECOND, 2), dtype=np.float32)
    other = np.concatenate([tone(600, 1, 0), tone(600, 1, 0.1), tone(600, 2, 0)])
    left = 20 * np.log10(levels(music, other))
    assert left[99] == pytest.approx(0.0, abs=0.1)
    assert left[120] < -10.0 and left[195] == pytest.approx(-12.0, abs=0.5)
    assert left[215] < -11.0, "a pause between words is not the end"
    assert left[399] > -1.0
    assert np.abs(np.diff(left)).max() < 4.0


@pytest.mark.parametrize(("hz", "amplitude"), [(60.0, 0.1), (12_000.0, 0.1), (600.0, 0.0005)])
def test_rumble_hiss_and_room_noise_duck_nothing(hz: float, amplitude: float) -> None:
    music = np.ones((2 * SECOND, 2), dtype=np.float32)
    assert levels(music, tone(hz, 2, amplitude)).min() > 0.9


def test_the_ducked_music_has_no_steps() -> None:
    music = np.ones((2 * SECOND, 2), dtype=np.float32)
    other = np.concatenate([tone(600, 1, 0), tone(600, 1, 0.3)])
    duck = Ducker()
    hops = zip(pieces(music, HOP_SAMPLES), pieces(other, HOP_SAMPLES), strict=True)
    out = np.concatenate([duck.duck(one, two) for one, two in hops])
    assert np.abs(np.diff(out, axis=0)).max() < 2e-3
