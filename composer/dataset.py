"""Scores to training arrays: tokens, positions, styles and affect labels, flat and aligned.

Whole composers are held out (by a hash of the name, so the split never moves when pieces are added).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.progress import track

from composer import labels, tokens
from composer.corpus import Score
from composer.score import BASS, STEPS_PER_QUARTER

STYLE_SIZES = (2, 4, 3, 2)
"""ensemble (lied, quartet), note density, polyphony, triplets: the fields of a style and their sizes."""

_DENSITY_EDGES = (2.5, 4.0, 6.0)
_POLYPHONY_EDGES = (1.6, 2.4)
_TRIPLET_SHARE = 0.08
_HELD_OUT_PERCENT = 6


@dataclass(frozen=True)
class Split:
    """One side of the split. All arrays but `starts` and `names` have one row per token.

    `tokens` (T,), `positions` (T,), `styles` (T, 4), `affect` (T, 2) valence and arousal, `starts` (P,)
    index of each piece's START, `names` of the pieces.
    """

    tokens: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]
    styles: npt.NDArray[np.int64]
    affect: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    train: Split
    held_out: Split
    scale: labels.Scale
    held_out_composers: tuple[str, ...]


def is_held_out(composer: str) -> bool:
    return hashlib.sha256(composer.encode()).digest()[0] * 100 < 256 * _HELD_OUT_PERCENT


def style_of(score: Score) -> tuple[int, int, int, int]:
    """What stays the same through a piece, in four small numbers; see `STYLE_SIZES`."""
    onsets = score.notes[:, 0]
    end = int((score.notes[:, 0] + score.notes[:, 1]).max())
    density = len(onsets) / max(end / STEPS_PER_QUARTER, 1.0)
    polyphony = len(onsets) / len(np.unique(onsets))
    triplets = float(np.isin(onsets % STEPS_PER_QUARTER, (2, 4, 8, 10)).mean())
    return (
        int(score.ensemble == "quartet"),
        int(np.searchsorted(_DENSITY_EDGES, density)),
        int(np.searchsorted(_POLYPHONY_EDGES, polyphony)),
        int(triplets > _TRIPLET_SHARE),
    )


def _split_long_bars(bars: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    rows: list[tuple[int, int]] = []
    for start, steps in bars.tolist():
        while steps > tokens.MAX_BAR_STEPS:
            rows.append((start, 48))
            start, steps = start + 48, steps - 48
        rows.append((start, steps))
    return np.array(rows, dtype=np.int32)


def _is_compound(score: Score) -> bool:
    """Whether bars of 36 steps are 6/8: more starts on the dotted half than on the other quarters."""
    start = score.bars[np.searchsorted(score.bars[:, 0], score.notes[:, 0], side="right") - 1, 0]
    within = score.notes[:, 0] - start
    return bool((within == 18).sum() > 0.5 * ((within == 12).sum() + (within == 24).sum()))


def _piece(score: Score) -> tuple[tokens.Encoded, labels.Features]:
    bars = _split_long_bars(score.bars)
    order = np.lexsort((score.notes[:, 2], BASS - score.notes[:, 3], score.notes[:, 0]))
    notes = score.notes[order]
    encoded = tokens.encode(notes, bars, labels.bar_keys(notes, bars), _is_compound(score))
    quarters = int(encoded.beats.max()) + 1
    return encoded, labels.features(notes, quarters)


def _join(rows: list[tuple[Score, tokens.Encoded, labels.Features]], scale: labels.Scale) -> Split:
    affect = []
    for _, encoded, raw in rows:
        valence, arousal = labels.affect(raw, scale)
        affect.append(np.stack([valence, arousal], axis=1)[encoded.beats].astype(np.float32))
    lengths = [len(encoded.tokens) for _, encoded, _ in rows]
    return Split(
        tokens=np.concatenate([encoded.tokens for _, encoded, _ in rows]),
        positions=np.concatenate([encoded.positions for _, encoded, _ in rows]),
        styles=np.repeat(np.array([style_of(score) for score, _, _ in rows]), lengths, axis=0),
        affect=np.concatenate(affect),
        starts=np.cumsum([0, *lengths[:-1]]),
        names=tuple(score.name for score, _, _ in rows),
    )


def build(scores: list[Score]) -> Dataset:
    """Everything the two trainings need. Deterministic."""
    rows = [(score, *_piece(score)) for score in track(scores, "labelling")]
    seen = [row for row in rows if not is_held_out(row[0].composer)]
    unseen = [row for row in rows if is_held_out(row[0].composer)]
    scale = labels.scale_of([raw for _, _, raw in seen])
    composers = tuple(sorted({score.composer for score, _, _ in unseen}))
    return Dataset(_join(seen, scale), _join(unseen, scale), scale, composers)
