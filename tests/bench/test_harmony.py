"""Mode, chroma, roughness and consonance: on chords whose answer is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench import harmony
from bench.hearing import Listener, Sound
from composer import labels

Array = npt.NDArray[np.float64]

RATE = 48_000


def sounded(pitches: tuple[int, ...], seconds: float = 2.0, partials: int = 5, gain: float = 0.1) -> Sound:
    """A held chord of tones with falling partials."""
    t = np.arange(int(RATE * seconds)) / RATE
    wave = np.zeros(len(t))
    for pitch in pitches:
        for k in range(1, partials + 1):
            wave += gain / k * np.sin(2 * np.pi * 440.0 * 2 ** ((pitch - 69) / 12) * k * t + pitch + k)
    listener = Listener()
    listener.hear(np.repeat(wave[:, None], 2, axis=1).astype(np.float32))
    return listener.sound()


def classes(*pitches: int) -> Array:
    return np.bincount([p % 12 for p in pitches], minlength=12).astype(np.float64)


@pytest.mark.parametrize("tonic", range(12))
def test_scales_and_triads_have_their_mode_in_every_key(tonic: int) -> None:
    major = classes(*(tonic + s for s in (0, 2, 4, 5, 7, 9, 11)), tonic, tonic + 4, tonic + 7)
    minor = classes(*(tonic + s for s in (0, 2, 3, 5, 7, 8, 11)), tonic, tonic + 3, tonic + 7)
    assert harmony.mode(major) > 0.05 > -0.05 > harmony.mode(minor)


def test_silence_and_noise_have_no_mode() -> None:
    assert harmony.mode(np.zeros(12)) == 0.0
    assert abs(float(harmony.mode(np.ones(12)))) < 1e-9


@pytest.mark.parametrize("root", [48, 55, 61])
def test_mode_is_heard_in_sound(root: int) -> None:
    major = harmony.mode(sounded((root, root + 4, root + 7)).chroma.mean(axis=0))
    minor = harmony.mode(sounded((root, root + 3, root + 7)).chroma.mean(axis=0))
    assert major > minor + 0.1


def test_chroma_finds_the_pitch_classes() -> None:
    chroma = sounded((60, 64, 67), partials=1).chroma.mean(axis=0)
    assert set(np.argsort(-chroma)[:3].tolist()) == {0, 4, 7}
    assert chroma.sum() == pytest.approx(1.0, abs=1e-6)


def test_a_second_is_rough_a_fifth_is_not_at_any_level() -> None:
    rough = {
        (name, gain): float(sounded(chord, gain=gain).roughness.mean())
        for name, chord in (("second", (60, 61)), ("fifth", (60, 67)))
        for gain in (0.02, 0.2)
    }
    assert rough["second", 0.2] > 3 * rough["fifth", 0.2]
    assert rough["second", 0.02] == pytest.approx(rough["second", 0.2], rel=0.02)


def test_consonance_of_notes_orders_intervals_as_huron_did() -> None:
    def held(*pitches: int) -> float:
        return harmony.consonance(np.array([(0.0, 2.0, p) for p in pitches]), 0.0, 2.0)

    assert held(60, 67) > held(60, 63) > held(60, 66) > held(60, 61)
    assert held(60) == held(60, 72) == 0.0


def test_notes_count_only_where_they_sound() -> None:
    notes = np.array([(0.0, 1.0, 60), (3.0, 2.0, 64)])
    assert harmony.sounding_classes(notes, 0.5, 4.0)[[0, 4]].tolist() == pytest.approx([0.5, 1.0])


def test_the_judge_agrees_with_the_labels_on_the_formula() -> None:
    weights = np.random.default_rng(3).random((20, 12))
    strength = labels.key_strengths(weights)
    expected = strength[:, 0::2].max(axis=1) - strength[:, 1::2].max(axis=1)
    assert harmony.mode(weights) == pytest.approx(expected)
