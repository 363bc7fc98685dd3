"""What `stream.ports.Composer` promises, held for every composer, here and behind a socket."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from composer.errors import ComposerError
from composer.remote.served import Playable
from tests.composer.contract.conftest import Stage

pytestmark = pytest.mark.usefixtures("tones_kept")

Block = npt.NDArray[np.float32]
Curve = Sequence[tuple[int, float, float]]

SECOND = 48_000
CURVE: Curve = ((0, 0.2, 0.1), (10_003, -0.9, 0.9), (21_000, 0.9, -0.6))


def begun(stage: Stage, seed: int = 3) -> Playable:
    composer = stage.make()
    composer.prime(stage.anchor, seed)
    return composer


def played(composer: Playable, samples: int, sizes: Sequence[int] = (480,), begin: int = 0) -> Block:
    """`samples` in blocks of `sizes` by turns, steered along CURVE as its samples come up."""
    curve = [point for point in CURVE if point[0] >= begin]
    blocks: list[Block] = []
    at = begin
    while at < begin + samples:
        size = min(sizes[len(blocks) % len(sizes)], begin + samples - at)
        while curve and curve[0][0] < at + size:
            sample, valence, arousal = curve.pop(0)
            composer.steer(valence, arousal, sample)
        blocks.append(composer.render(size))
        assert blocks[-1].shape == (size, 2) and blocks[-1].dtype == np.float32
        at += size
    return np.concatenate(blocks)


def test_it_plays_and_says_what(stage: Stage) -> None:
    composer = begun(stage)
    sound = played(composer, SECOND)
    assert np.isfinite(sound).all() and np.abs(sound).max() <= 1.0
    assert np.sqrt(np.square(sound[SECOND // 2 :]).mean()) > 1e-4
    assert composer.now_playing()["style"] == stage.anchor
    assert composer.latency_samples >= stage.ahead


def test_the_same_seed_gives_the_same_samples_and_another_does_not(stage: Stage) -> None:
    one, again, other = (played(begun(stage, seed), 30_000) for seed in (3, 3, 4))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_streaming_equals_batch(stage: Stage) -> None:
    def whole(sizes: Sequence[int]) -> Block:
        composer = begun(stage)
        for sample, valence, arousal in CURVE:
            composer.steer(valence, arousal, sample)
        blocks: list[Block] = []
        while (have := sum(map(len, blocks))) < 30_000:
            blocks.append(composer.render(min(sizes[len(blocks) % len(sizes)], 30_000 - have)))
        return np.concatenate(blocks)

    assert np.array_equal(whole((30_000,)), whole((1, 479, 1231, 960)))


def test_what_was_steered_live_does_not_hang_on_the_sizes_of_blocks(stage: Stage) -> None:
    at = 9_600

    def live(sizes: Sequence[int]) -> Block:
        composer = begun(stage)
        before = played(composer, at, sizes)
        composer.steer(0.9, 0.9, at)
        return np.concatenate([before, composer.render(SECOND // 2)])

    assert np.array_equal(live((480,)), live((1231, 77)))


def test_a_steer_changes_nothing_before_its_sample_and_something_soon_after(stage: Stage) -> None:
    at = SECOND // 2 + 100
    pieces: list[Block] = []
    for arousal in (-0.9, 0.9):
        composer = begun(stage)
        composer.steer(0.0, 0.0, 0)
        before = composer.render(at)
        composer.steer(0.3, arousal, at)
        pieces.append(np.concatenate([before, composer.render(SECOND)]))
        latency = composer.latency_samples
    changed = np.flatnonzero((pieces[0] != pieces[1]).any(axis=1))
    assert changed.size, "affect was not heard at all"
    assert at + stage.ahead <= changed[0] <= at + latency + stage.late_samples


def test_a_steer_known_in_advance_changes_nothing_before_its_sample(stage: Stage) -> None:
    at = SECOND // 2
    pieces: list[Block] = []
    for arousal in (-0.9, 0.9):
        composer = begun(stage)
        composer.steer(0.3, arousal, at)
        pieces.append(composer.render(at + SECOND))
        latency = composer.latency_samples - stage.ahead  # it was not asked for yet: no later than here
    changed = np.flatnonzero((pieces[0] != pieces[1]).any(axis=1))
    assert at <= changed[0] <= at + latency + stage.late_samples


@pytest.mark.parametrize("cut", [480, 30_001])
def test_a_restored_piece_goes_on_as_the_uninterrupted_one(stage: Stage, cut: int) -> None:
    first = begun(stage)
    played(first, cut)
    kept = first.state()
    rest = played(first, 30_000, begin=cut)
    second = stage.make()
    second.restore(kept)
    assert np.array_equal(played(second, 30_000, begin=cut), rest)


def test_a_piece_restored_in_a_hurry_plays_on(stage: Stage) -> None:
    first = begun(stage)
    played(first, 30_000)
    kept = first.state()
    second = stage.make()
    second.restore(kept, exact=False)
    sound = played(second, 30_000, begin=30_000)
    assert np.square(sound).mean() > 1e-8
    assert second.now_playing()["style"] == stage.anchor


@pytest.mark.parametrize("damage", [lambda s: b"", lambda s: b"\0" * 64, lambda s: s[: len(s) // 2]])
def test_a_bad_state_is_refused_with_a_sentence(stage: Stage, damage: object) -> None:
    composer = begun(stage)
    composer.render(4_800)
    assert callable(damage)
    bad = damage(composer.state())
    other = stage.make()
    with pytest.raises(ComposerError, match="state"):
        other.restore(bad)


def test_a_bad_anchor_is_refused_and_the_music_goes_on(stage: Stage) -> None:
    plain = begun(stage).render(24_000)
    composer = stage.make()
    with pytest.raises(ValueError, match="empty"):
        composer.prime("   ", 3)
    composer.prime(stage.anchor, 3)
    before = composer.render(12_000)
    with pytest.raises(ValueError, match="empty"):
        composer.prime("", 3)
    assert np.array_equal(np.concatenate([before, composer.render(12_000)]), plain)


def test_another_anchor_or_seed_changes_what_comes_and_nothing_before(stage: Stage) -> None:
    pieces: list[Block] = []
    for anchor, seed in ((stage.anchor, 3), (stage.other_anchor, 3), (stage.anchor, 8)):
        composer = begun(stage)
        before = played(composer, 9_600)
        composer.prime(anchor, seed)
        pieces.append(np.concatenate([before, composer.render(110_000)]))
    for other in pieces[1:]:
        changed = np.flatnonzero((pieces[0] != other).any(axis=1))
        assert changed.size and changed[0] >= 9_600 + stage.ahead


def test_wild_affect_is_clamped_and_nan_is_ignored(stage: Stage) -> None:
    pieces: list[Block] = []
    for curve in (((7.0, -math.inf), (math.nan, 0.0)), ((1.0, -1.0),)):
        composer = begun(stage)
        for valence, arousal in curve:
            composer.steer(valence, arousal, 0)
        pieces.append(composer.render(9_600))
    assert np.array_equal(pieces[0], pieces[1])


def test_a_cut_is_taken(stage: Stage) -> None:
    composer = begun(stage)
    composer.render(480)
    composer.accent(480)
    assert composer.render(480).shape == (480, 2)


def test_nothing_is_played_before_an_anchor(stage: Stage) -> None:
    with pytest.raises(ComposerError, match="prime"):
        stage.make().render(480)


def test_the_way_there_changes_no_sample(stage: Stage) -> None:
    """What is asked for ahead is steered as much later: the only thing that distance costs."""
    there = played(begun(stage), 38_400)
    here = stage.here()
    here.prime(stage.anchor, 3)
    blocks: list[Block] = []
    for at in range(0, 38_400, 480):
        for sample, valence, arousal in CURVE:
            if at <= sample < at + 480:
                here.steer(valence, arousal, max(sample, at + stage.ahead) if at else sample)
        blocks.append(here.render(480))
    assert np.array_equal(there, np.concatenate(blocks)[:38_400])
