"""The slow hand on the fader: right in the end, never quick, never far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from composer.leveller import DEFAULT_LUFS, Leveller, target_lufs
from composer.score import TICK_SAMPLES

Pcm = npt.NDArray[np.float32]


def tone(level: float) -> Pcm:
    t = np.arange(TICK_SAMPLES) / TICK_SAMPLES
    return np.repeat((level * np.sin(2 * np.pi * 5 * t)).astype(np.float32)[:, None], 2, axis=1)


def loudness_lufs(block: Pcm) -> float:
    """BS.1770 without its filter: the sum of the channels' powers, -0.691 dB."""
    return float(-0.691 + 10.0 * np.log10((block.astype(np.float64) ** 2).mean(axis=0).sum()))


def levelled(level: float, arousal: float, seconds: float, leveller: Leveller) -> list[float]:
    out = []
    for _ in range(int(seconds * 100)):
        block = tone(level)
        leveller.process(block, arousal)
        out.append(loudness_lufs(block))
    return out


@pytest.mark.parametrize("arousal", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("off_db", [-5.0, 5.0])
def test_it_reaches_the_loudness_asked_for(arousal: float, off_db: float) -> None:
    level = 10.0 ** ((target_lufs(arousal) + 0.691 + off_db) / 20.0)
    heard = levelled(level, arousal, 120.0, Leveller())
    assert heard[0] == pytest.approx(target_lufs(arousal) + off_db, abs=0.1), "it must not jump"
    assert heard[-1] == pytest.approx(target_lufs(arousal), abs=0.2)
    assert np.abs(np.diff(heard)).max() < 0.05


def test_the_target_rises_with_arousal_around_the_default() -> None:
    targets = [target_lufs(a / 10.0) for a in range(-10, 11)]
    assert targets == sorted(targets) and target_lufs(0.0) == DEFAULT_LUFS


def test_it_does_not_undo_what_arousal_did() -> None:
    leveller = Leveller()
    quiet, loud = (10.0 ** ((target_lufs(a) + 0.691) / 20.0) for a in (-0.5, 0.5))
    levelled(quiet, -0.5, 30.0, leveller)
    after = levelled(loud, 0.5, 10.0, leveller)
    assert after[0] == pytest.approx(target_lufs(0.5), abs=0.1)
    assert after[-1] == pytest.approx(target_lufs(0.5), abs=0.1)


def test_silence_teaches_it_nothing() -> None:
    leveller = Leveller()
    leveller.process(np.zeros((TICK_SAMPLES, 2), dtype=np.float32), 0.0)
    assert leveller.excess == 1.0


def test_a_resumed_leveller_goes_on_exactly() -> None:
    first = Leveller()
    levelled(0.5, 0.0, 5.0, first)
    second = Leveller()
    second.resume(first.excess)
    assert levelled(0.5, 0.0, 1.0, first) == levelled(0.5, 0.0, 1.0, second)


def test_its_reach_is_bounded() -> None:
    leveller = Leveller()
    before = loudness_lufs(tone(0.01))
    assert levelled(0.01, 0.0, 300.0, leveller)[-1] - before < 6.1
