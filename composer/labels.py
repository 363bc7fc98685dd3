"""Affect read from a score itself, per quarter: the labels that train the adapter, and the judge of it.

arousal: log note rate and register (Gabrielsson & Lindstrom 2010; Livingstone et al. 2010).
valence: mode, as the lead of the best major over the best minor key (Krumhansl & Kessler 1982 profiles),
and consonance of what sounds together (Huron 1994 interval-class index).

Both look ahead: the label of a quarter describes the notes from there on, since that is what the commanded
affect of that quarter should bring about. Keys of bars come from the same profiles by dynamic programming
with a price on changing (after Temperley 2001).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from composer.score import STEPS_PER_QUARTER

Array = npt.NDArray[np.float64]
Notes = npt.NDArray[np.int32]

_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
_CONSONANCE = np.array([0.0, -1.428, -0.582, 0.594, 0.386, 1.240, -0.453])

AROUSAL_AHEAD = 3
VALENCE_AHEAD = 8
_KEY_CHANGE_PRICE = 0.6


class Features(NamedTuple):
    """Per quarter, float64 (Q,): log2(1 + onsets), mean pitch, mode lead in [-2, 2], consonance index."""

    rate: Array
    height: Array
    mode: Array
    consonance: Array


def _profiles() -> Array:
    """(24, 12), rows 2 * tonic + minor, each of mean 0 and length 1."""
    rows = [np.roll(p, tonic) for tonic in range(12) for p in (_MAJOR, _MINOR)]
    table = np.array(rows) - np.mean(rows, axis=1, keepdims=True)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))


_PROFILES = _profiles()


def pitch_classes(notes: Notes, quarters: int) -> Array:
    """(quarters, 12): steps for which each pitch class sounds within each quarter."""
    table = np.zeros((quarters, 12))
    for onset, length, pitch, _ in notes.tolist():
        end = onset + length
        quarter = onset // STEPS_PER_QUARTER
        while quarter < quarters and quarter * STEPS_PER_QUARTER < end:
            start = max(onset, quarter * STEPS_PER_QUARTER)
            stop = min(end, (quarter + 1) * STEPS_PER_QUARTER)
            table[quarter, pitch % 12] += stop - start
            quarter += 1
    return table


def key_strengths(weights: Array) -> Array:
    """Correlation with the 24 key profiles: (..., 12) -> (..., 24). Silence gives zeros."""
    centred = weights - weights.mean(axis=-1, keepdims=True)
    norm = np.linalg.norm(centred, axis=-1, keepdims=True)
    return np.asarray((centred / np.maximum(norm, 1e-9)) @ _PROFILES.T)


def _ahead(values: Array, span: int) -> Array:
    """Mean over [q, q + span) along axis 0, shorter at the end."""
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    index = np.arange(len(values))
    stop = np.minimum(index + span, len(values))
    length = (stop - index).reshape(-1, *([1] * (values.ndim - 1)))
    return np.asarray((total[stop] - total[index]) / length)


def _consonance(notes: Notes, quarters: int) -> Array:
    """Mean Huron index over the pairs sounding at each quarter's start and middle."""
    onsets, ends, pitches = notes[:, 0], notes[:, 0] + notes[:, 1], notes[:, 2]
    result = np.zeros(quarters)
    longest = int((ends - onsets).max(initial=1))
    for quarter in range(quarters):
        values = []
        for at in (quarter * STEPS_PER_QUARTER, quarter * STEPS_PER_QUARTER + STEPS_PER_QUARTER // 2):
            low, high = np.searchsorted(onsets, [at - longest, at + 1])
            sounding = np.unique(pitches[low:high][ends[low:high] > at])
            if len(sounding) > 1:
                gaps = (sounding[None, :] - sounding[:, None])[np.triu_indices(len(sounding), 1)] % 12
                values.append(_CONSONANCE[np.minimum(gaps, 12 - gaps)].mean())
        result[quarter] = np.mean(values) if values else np.nan
    known = ~np.isnan(result)
    if not known.any():
        return np.zeros(quarters)
    return np.interp(np.arange(quarters), np.flatnonzero(known), result[known])


def features(notes: Notes, quarters: int) -> Features:
    """Raw musical features of a score, looking ahead. `notes` (N, 4) sorted by onset."""
    quarter = np.minimum(notes[:, 0] // STEPS_PER_QUARTER, quarters - 1)
    count = np.bincount(quarter, minlength=quarters).astype(np.float64)
    pitch_sum: Array = np.bincount(quarter, notes[:, 2].astype(np.float64), quarters).astype(np.float64)
    rate = np.log2(1.0 + _ahead(count, AROUSAL_AHEAD))
    near_count, near_sum = _ahead(count, AROUSAL_AHEAD), _ahead(pitch_sum, AROUSAL_AHEAD)
    mean_pitch = float(notes[:, 2].mean())
    height = np.where(near_count > 0, near_sum / np.maximum(near_count, 1e-9), mean_pitch)
    strengths = key_strengths(_ahead(pitch_classes(notes, quarters), VALENCE_AHEAD))
    mode = strengths[:, 0::2].max(axis=1) - strengths[:, 1::2].max(axis=1)
    return Features(rate, height, mode, _ahead(_consonance(notes, quarters), VALENCE_AHEAD))


class Scale(NamedTuple):
    """Means and deviations over the training corpus, so that labels of any score are on one scale."""

    rate: tuple[float, float]
    height: tuple[float, float]
    mode: tuple[float, float]
    consonance: tuple[float, float]


def scale_of(corpus: list[Features]) -> Scale:
    columns = (np.concatenate(column) for column in zip(*corpus, strict=True))
    return Scale(*((float(c.mean()), max(float(c.std()), 1e-6)) for c in columns))


def affect(raw: Features, scale: Scale) -> tuple[Array, Array]:
    """(valence, arousal), each (Q,) in (-1, 1).

    Arousal is taken half against the piece's own mean: how dense a piece is on the whole is its style
    (the anchor's), how it moves about that is affect.
    """
    z = [(x - m) / s for x, (m, s) in zip(raw, scale, strict=True)]
    rate = z[0] - 0.5 * z[0].mean()
    height = z[1] - 0.5 * z[1].mean()
    arousal = np.tanh(0.9 * (rate + 0.25 * height))
    valence = np.tanh(0.6 * (z[2] + 0.5 * z[3]))
    return valence, arousal


def bar_keys(notes: Notes, bars: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Key of each bar as 2 * tonic + minor: the path of best correlation that pays for each change."""
    end = int((bars[:, 0] + bars[:, 1]).max())
    quarters = end // STEPS_PER_QUARTER + 1
    per_quarter = pitch_classes(notes, quarters)
    cumulative = np.concatenate([np.zeros((1, 12)), np.cumsum(per_quarter, axis=0)])
    first = bars[:, 0] // STEPS_PER_QUARTER
    # At least a 4/4 bar of music is heard before judging a key.
    last = np.minimum(np.maximum((bars[:, 0] + bars[:, 1]) // STEPS_PER_QUARTER, first + 4), quarters)
    score = key_strengths(cumulative[last] - cumulative[first])
    best = score[0]
    back = np.zeros(score.shape, dtype=np.int64)
    for row in range(1, len(score)):
        leap = int(best.argmax())
        stays = best >= best[leap] - _KEY_CHANGE_PRICE
        back[row] = np.where(stays, np.arange(24), leap)
        best = np.where(stays, best, best[leap] - _KEY_CHANGE_PRICE) + score[row]
    path = np.zeros(len(score), dtype=np.int64)
    path[-1] = int(best.argmax())
    for row in range(len(score) - 1, 0, -1):
        path[row - 1] = back[row, path[row]]
    return path
