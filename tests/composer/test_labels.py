"""Affect labels say what their sources say: minor below major, busy above still, ahead not behind."""

from __future__ import annotations

import numpy as np

from composer import labels
from tests.composer import tiny


def test_minor_pieces_are_labelled_below_major_ones() -> None:
    major, minor = tiny.score("a", 1), tiny.score("b", 1, minor=True)
    raw = [labels.features(s.notes, 48) for s in (major, minor)]
    scale = labels.scale_of(raw)
    bright, dark = (labels.affect(r, scale)[0].mean() for r in raw)
    assert bright > dark + 0.3


def test_busy_quarters_are_labelled_above_still_ones() -> None:
    rows = [(12 * q + s, 3, 60, 0) for q in range(16) for s in ((0,) if q < 8 else (0, 3, 6, 9))]
    notes = np.array(rows, dtype=np.int32)
    raw = labels.features(notes, 16)
    _, arousal = labels.affect(raw, labels.scale_of([raw]))
    assert arousal[:5].max() < arousal[8:].min()


def test_labels_look_ahead_and_never_behind() -> None:
    notes = tiny.score("a", 2).notes
    later = notes[notes[:, 0] >= 24 * 12]
    whole, tail = labels.features(notes, 48), labels.features(later, 48)
    assert np.allclose(whole.rate[24:], tail.rate[24:])
    assert np.allclose(whole.mode[24:], tail.mode[24:])
    assert not np.allclose(whole.rate[21:24], tail.rate[21:24])


def test_bar_keys_find_the_key_and_do_not_flutter() -> None:
    minor = tiny.score("m", 3, minor=True, bars=24)
    keys = labels.bar_keys(minor.notes, minor.bars)
    assert (np.diff(keys) != 0).sum() <= 4
    assert np.median(keys % 2) == 1
