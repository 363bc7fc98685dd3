"""Minutes are told apart by their anchor where they differ, and not where they do not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bench import anchor
from bench.hearing import Listener

Array = npt.NDArray[np.float64]

ANCHORS = ["a", "b", "c", "d"] * 3


def minutes(seed: int, apart: float) -> tuple[Array, Array]:
    """(early, late) of twelve pieces: a place for each anchor `apart` from the others, and noise."""
    random = np.random.default_rng(seed)
    places = apart * np.eye(4)[[ord(name) - ord("a") for name in ANCHORS]]
    return places + 0.3 * random.standard_normal((12, 4)), places + 0.3 * random.standard_normal((12, 4))


def test_kept_styles_are_right_and_shuffled_ones_are_not() -> None:
    early, late = minutes(1, 4.0)
    got = anchor.judge(early, late, ANCHORS)
    assert got.right == got.right_without_own == 1.0 and got.far > 2 * got.near
    mixed = [ANCHORS[k] for k in np.random.default_rng(0).permutation(12)]
    assert anchor.judge(early, late, mixed).right_without_own < 0.7


def test_a_style_that_drifts_into_another_is_found() -> None:
    early, late = minutes(1, 4.0)
    late[ANCHORS.index("a")] = early[ANCHORS.index("b")]
    assert anchor.judge(early, late, ANCHORS).right == pytest.approx(11 / 12)


def test_more_first_minutes_than_late_ones() -> None:
    early, late = minutes(1, 4.0)
    got = anchor.judge(early, late[:4], ANCHORS)
    assert got.right == got.right_without_own == 1.0


def test_groups_weigh_alike_whatever_their_size_and_units() -> None:
    random = np.random.default_rng(2)
    rows = [(random.random(2), 1e6 * random.random(50), random.random(1)) for _ in range(40)]
    table = anchor.standardized(rows)
    assert [table[:, part].var(axis=0).sum() for part in (slice(2), slice(2, 52), slice(52, 53))] == (
        pytest.approx([1.0, 1.0, 1.0])
    )


def test_a_beat_is_found_at_its_tempo() -> None:
    pcm = np.zeros((20 * 48_000, 2), np.float32)
    noise = 0.3 * np.random.default_rng(0).standard_normal((2400, 2)).astype(np.float32)
    for k in range(30):
        at = int(k * 0.64 * 48_000)
        pcm[at : at + 2400] = noise
    listener = Listener()
    listener.hear(pcm)
    tempo = anchor.described(listener.sound())[1]
    best = anchor._TEMPI[int(tempo.argmax())]
    assert any(best == pytest.approx(60 / 0.64 / k, rel=0.06) for k in (1, 2))
