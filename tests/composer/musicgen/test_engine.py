"""The composer's contract on a tiny MusicGen, on every backend."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from composer.errors import ComposerError
from composer.musicgen.assembly import Parts
from composer.musicgen.engine import MusicGenComposer
from tests.composer.musicgen.conftest import compiled

Block = npt.NDArray[np.float32]
CURVE = ((0, 0.2, 0.1), (30_000, -0.9, 0.9), (70_000, 0.9, -0.6))


def steered(parts: Parts, curve: tuple[tuple[int, float, float], ...] = CURVE) -> MusicGenComposer:
    composer = MusicGenComposer(parts)
    composer.prime("warm piano jazz", seed=3)
    for at, valence, arousal in curve:
        composer.steer(valence, arousal, at)
    return composer


def test_the_sizes_of_the_blocks_do_not_matter(parts: Parts) -> None:
    whole = steered(parts).render(120_000)
    composer = steered(parts)
    sizes = [1, 777, 480, 5_000, 959, 961]
    blocks: list[Block] = []
    have = 0
    while have < 120_000:
        blocks.append(composer.render(min(sizes[len(blocks) % len(sizes)], 120_000 - have)))
        have += len(blocks[-1])
    assert np.array_equal(np.concatenate(blocks), whole)
    assert whole.shape == (120_000, 2) and whole.dtype == np.float32


def test_it_sounds_and_goes_on_sounding(composer: MusicGenComposer) -> None:
    block = composer.render(6 * 48_000)  # ten windows
    seconds = block[48_000:].reshape(5, -1)
    assert np.isfinite(block).all() and np.abs(block).max() <= 1.0
    assert np.sqrt(np.square(seconds).mean(axis=1)).min() > 1e-3
    assert np.array_equal(block[:, 0], block[:, 1])  # one microphone: nothing between left and right


def test_another_seed_is_another_piece_and_the_same_seed_the_same(parts: Parts) -> None:
    blocks = []
    for seed in (1, 1, 2):
        composer = MusicGenComposer(parts)
        composer.prime("warm piano", seed)
        blocks.append(composer.render(24_000))
    assert np.array_equal(blocks[0], blocks[1]) and not np.array_equal(blocks[0], blocks[2])


@pytest.mark.parametrize("cut", [480, 20_000, 57_601, 150_000])
def test_resumed_equals_uninterrupted(parts: Parts, cut: int) -> None:
    composer = steered(parts)
    composer.render(cut)
    state = composer.state()
    expected = composer.render(60_000)
    successor = MusicGenComposer(parts)
    successor.restore(state)
    assert np.array_equal(successor.render(60_000), expected)


def test_a_piece_is_resumed_exactly_across_a_change_of_anchor(parts: Parts) -> None:
    composer = steered(parts)
    composer.render(40_000)
    composer.prime("cold strings", seed=3)
    composer.render(10_000)
    state = composer.state()
    expected = composer.render(60_000)
    successor = MusicGenComposer(parts)
    successor.restore(state)
    assert np.array_equal(successor.render(60_000), expected)


def test_resumed_in_a_hurry_there_is_no_seam(parts: Parts) -> None:
    composer = steered(parts)
    composer.render(100_000)
    state = composer.state()
    expected = composer.render(48_000)
    successor = MusicGenComposer(parts)
    successor.restore(state, exact=False)
    block = successor.render(48_000)
    decided = MusicGenComposer.latency_samples  # what the codec and the filters had in hand
    assert np.array_equal(block[:decided], expected[:decided])
    assert np.square(block[24_000:]).mean() > 1e-6


def test_another_models_state_is_refused(composer: MusicGenComposer) -> None:
    with pytest.raises(ComposerError, match="state"):
        composer.restore(b"\0" * 64)


def test_affect_changes_the_music_but_not_before_it_can(parts: Parts) -> None:
    at = 48_000
    curves = (((0, 0.0, 0.0), (at, 0.9, 0.9)), ((0, 0.0, 0.0), (at, -0.9, -0.9)))
    one, other = (steered(parts, curve).render(4 * 48_000) for curve in curves)
    changed = np.flatnonzero((one != other).any(axis=1))
    assert changed.size, "affect was not heard at all"
    assert at + MusicGenComposer.latency_samples <= changed[0] < at + 24_000


def test_affect_is_clamped_and_nan_is_ignored(parts: Parts) -> None:
    wild = ((0, 7.0, -9.0), (10_000, math.nan, 0.0))
    tame = ((0, 1.0, -1.0),)
    assert np.array_equal(steered(parts, wild).render(40_000), steered(parts, tame).render(40_000))


def test_another_anchor_changes_the_piece_without_a_gap(parts: Parts) -> None:
    pieces = []
    for anchor in ("warm piano jazz", "cold strings slow"):
        composer = steered(parts)
        before = composer.render(40_000)
        composer.prime(anchor, seed=3)
        pieces.append((before, composer.render(60_000)))
    assert np.array_equal(pieces[0][0], pieces[1][0])
    assert not np.array_equal(pieces[0][1], pieces[1][1])
    assert np.square(pieces[1][1].reshape(10, -1)).mean(axis=1).min() > 1e-7


def test_nothing_is_played_before_an_anchor(parts: Parts) -> None:
    with pytest.raises(ComposerError, match="prime"):
        MusicGenComposer(parts).render(480)
    with pytest.raises(ValueError, match="empty"):
        MusicGenComposer(parts).prime("  ", 0)


def test_it_says_whose_the_weights_are(composer: MusicGenComposer) -> None:
    said = composer.now_playing()
    assert "CC-BY-NC" in str(said["licence"]) and said["style"] == "warm piano jazz"


@pytest.mark.parametrize("backend", ["onnx", compiled])
def test_the_backends_play_the_same_beginning(parts_of: object, backend: str) -> None:
    """8 bits choose another token sooner or later; the first frames agree."""
    assert callable(parts_of)
    ours, theirs = (steered(parts_of(name, 1.0)).render(9_600) for name in ("torch", backend))
    assert np.abs(ours[:2_000] - theirs[:2_000]).max() < 0.05
