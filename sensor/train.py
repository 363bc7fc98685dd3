"""Train the probe on human ratings and write what it is worth into its model card."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensor.efficientnet import VARIANTS
from sensor.encoder import DEFAULT_SIZE_PX, DEFAULT_VARIANT, Encoder, create_encoder
from sensor.errors import DataError
from sensor.kernel import GAMMA, KernelModel, Matrix, Vector, fit
from sensor.oasis import Rated, read_ratings, read_still
from sensor.picture import Shrinker
from sensor.probe import ARITHMETIC, Probe, save_probe, shipped_folder
from sensor.validation import Fit, grouped_folds, judge

log = logging.getLogger(__name__)

OUTER_FOLDS = 10
INNER_FOLDS = 5
RANK = 256
BLOCK_WEIGHTS = (0.5, 0.5, 1.0, 1.0, 2.0, 2.0)
"""How much each of the encoder's `FEATURE_BLOCKS` counts in the distance of two pictures: deep ones more.

Chosen by grouped cross-validation on OASIS among a handful; so was the encoder: docs/log.md has the table.
"""

Progress = Callable[[int, int], None]
"""Told (done, total) pictures."""


def train_probe(
    data: Path,
    out: Path | None,
    seed: int,
    variant: str = DEFAULT_VARIANT,
    size_px: int = DEFAULT_SIZE_PX,
    progress: Progress | None = None,
) -> Probe:
    """Fit the probe to the rated photographs in `data`, cross-validate it, write weights and card to `out`
    (None: where the shipped ones are).

    Folds keep all photographs of a theme together; the ridge strength is chosen by grouped folds inside each
    training part, so nothing about a held-out theme is known when it is predicted. Raises `DataError` when
    the data cannot be used and `WeightsError` when the encoder's weights are not there.
    """
    rows = read_ratings(data)
    encoder = create_encoder(variant, size_px)
    features = encode_all(rows, encoder, progress)
    ratings = np.array([[row.valence, row.arousal] for row in rows])
    themes = [row.theme for row in rows]
    importance = importance_of(variant)
    predicted = cross_validate(features, ratings, themes, importance, seed)
    model = fit_grouped(features, ratings, themes, importance, seed)
    card = {
        "name": "OASIS probe",
        "trained_by": "narrascore train probe",
        "data": {
            "name": "OASIS: Open Affective Standardized Image Set, Kurdi, Lozano & Banaji 2017",
            "doi": "10.3758/s13428-016-0715-3",
            "pictures": len(rows),
            "themes": len(set(themes)),
            "scale": "mean ratings 1..7 mapped to [-1, 1] by (x - 4) / 3",
        },
        "encoder": {
            "variant": variant,
            "size_px": size_px,
            "arithmetic": ARITHMETIC,
            "sha256": encoder.digest,
        },
        "model": {"kind": "kernel ridge", "gamma": GAMMA, "axes": RANK},
        "folds": {"outer": OUTER_FOLDS, "inner": INNER_FOLDS, "grouped_by": "theme", "seed": seed},
        "held_out": {
            name: _rounded(judge(predicted[:, axis], ratings[:, axis], themes, seed))
            for axis, name in enumerate(("valence", "arousal"))
        },
    }
    probe = save_probe(out or shipped_folder(), model, card)
    log.info("held out, grouped by theme: %s", card["held_out"])
    return probe


def encode_all(rows: list[Rated], encoder: Encoder, progress: Progress | None = None) -> Matrix:
    """Features of all photographs (m, n), by the same path a live frame takes."""
    features = []
    shrinker = Shrinker(encoder.size_px)
    for row in rows:
        picture = shrinker.shrink(read_still(row.path))
        if picture is None:
            raise DataError(f"{row.path}: not a picture that can be scaled")
        features.append(encoder.features(picture.rgb))
        if progress is not None:
            progress(len(features), len(rows))
    return np.array(features, np.float64)


def importance_of(variant: str) -> Vector:
    """The share of each feature dimension in the distance of two pictures, (n,), summing to 1."""
    sizes = VARIANTS[variant].sizes
    shares = np.array(BLOCK_WEIGHTS) / sum(BLOCK_WEIGHTS)
    result: Vector = np.repeat(shares / sizes, sizes)
    return result


def fit_grouped(
    features: Matrix, ratings: Matrix, themes: list[str], importance: Vector, seed: int
) -> KernelModel:
    """The probe's model from all the pictures given."""
    return fit(features, ratings, grouped_folds(themes, INNER_FOLDS, seed + 1), importance, RANK)


def cross_validate(
    features: Matrix, ratings: Matrix, themes: list[str], importance: Vector, seed: int
) -> Matrix:
    """Predictions (m, 2) of every picture by a model that saw no picture of its theme. Raises `DataError`."""
    if len(set(themes)) < 2 * OUTER_FOLDS:
        raise DataError(f"{len(set(themes))} themes are too few: {OUTER_FOLDS} folds need {2 * OUTER_FOLDS}")
    folds = grouped_folds(themes, OUTER_FOLDS, seed)
    names = np.asarray(themes)
    predicted: npt.NDArray[np.float64] = np.empty_like(ratings)
    for fold in range(OUTER_FOLDS):
        test = folds == fold
        model = fit_grouped(features[~test], ratings[~test], list(names[~test]), importance, seed)
        predicted[test] = np.clip(model.predict(features[test].astype(np.float32)), -1, 1)
    return predicted


def _rounded(found: Fit) -> dict[str, Any]:
    return {name: round(value, 4) for name, value in found._asdict().items()}
