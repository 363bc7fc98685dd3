"""Train the projector on rated photographs (eq. 4), cross-validated by theme, and write its card.

Each photograph is a window of one frame behind the primer, by the same path a live frame takes. Only the MLP
trains: the model is run once over the pictures, its hidden states are kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sensor.errors import DataError
from sensor.oasis import Rated, read_ratings, read_still
from sensor.validation import grouped_folds, judge
from sensor.vlm import projector
from sensor.vlm.loading import Vlm, load
from sensor.vlm.narrative import Narrative
from sensor.vlm.picture import FRAME_PX, Fitter
from sensor.vlm.prompt import PRIMER, digest
from sensor.vlm.source import fingerprint

log = logging.getLogger(__name__)

OUTER_FOLDS = 10
Progress = Callable[[int, int], None]
"""Told (done, total) pictures."""


@dataclass(frozen=True)
class Recipe:
    """How the projector is trained."""

    epochs: int = 150
    """As in the paper."""
    batch: int = 64
    rate: float = 1e-3
    decay: float = 1e-2
    l1: float = 0.1
    """The paper's lambda, whose value it does not give."""


def train_vlm_probe(
    data: Path,
    folder: Path,
    out: Path,
    seed: int,
    *,
    name: str = "",
    device: str = "auto",
    dtype: str = "auto",
    recipe: Recipe | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit the projector for the model in `folder` to the photographs in `data`; returns the card written to
    `out`.

    `name` is what the model is called in the card. Folds keep a theme together. Raises `DataError` and
    `WeightsError`.
    """
    rows = read_ratings(data)
    themes = [row.theme for row in rows]
    if len(set(themes)) < 2 * OUTER_FOLDS:
        raise DataError(f"{len(set(themes))} themes are too few: {OUTER_FOLDS} folds need {2 * OUTER_FOLDS}")
    recipe = recipe or Recipe()
    vlm = load(folder, device, dtype)
    states = states_of(vlm, rows, progress)
    ratings = np.array([[row.valence, row.arousal] for row in rows])
    predicted = cross_validate(states, ratings, themes, recipe, seed)
    fitted = fit(states, torch.from_numpy(ratings).float(), recipe, seed)
    card: dict[str, Any] = {
        "name": "vision-language probe",
        "trained_by": "narrascore train vlm-probe",
        "data": {
            "name": "OASIS: Open Affective Standardized Image Set, Kurdi, Lozano & Banaji 2017",
            "doi": "10.3758/s13428-016-0715-3",
            "pictures": len(rows),
            "themes": len(set(themes)),
            "scale": "mean ratings 1..7 mapped to [-1, 1] by (x - 4) / 3",
        },
        "model": {
            "name": name or folder.name,
            "family": vlm.family_name,
            "fingerprint": fingerprint(folder),
            "width": vlm.width,
            "dtype": str(vlm.dtype).removeprefix("torch."),
        },
        "primer": PRIMER,
        "prompt_sha256": digest(),
        "frame_px": FRAME_PX,
        "projector": {"hidden": projector.HIDDEN, "dropout": projector.DROPOUT, **recipe.__dict__},
        "folds": {"outer": OUTER_FOLDS, "grouped_by": "theme", "seed": seed},
        "held_out": {
            axis: {
                what: round(value, 4)
                for what, value in judge(predicted[:, i], ratings[:, i], themes, seed)._asdict().items()
            }
            for i, axis in enumerate(("valence", "arousal"))
        },
    }
    projector.save(out, fitted, card)
    log.info("held out, grouped by theme: %s", card["held_out"])
    return card


def states_of(vlm: Vlm, rows: list[Rated], progress: Progress | None = None) -> Tensor:
    """The mean last hidden state of each photograph's visual tokens, (m, D) float32. Raises `DataError`."""
    states = []
    fitter, narrative = Fitter(), Narrative(vlm)
    for row in rows:
        rgb = fitter.fit(read_still(row.path))
        if rgb is None:
            raise DataError(f"{row.path}: not a picture that can be scaled")
        narrative.clear()
        state = narrative.see(vlm.encode(rgb), 0.0)
        if not bool(state.isfinite().all()):
            raise DataError(f"{row.path}: {vlm.dtype} overflows in this model: use --dtype float32")
        states.append(state)
        if progress is not None:
            progress(len(states), len(rows))
    return torch.stack(states).clone()


def cross_validate(
    states: Tensor, ratings: npt.NDArray[np.float64], themes: list[str], recipe: Recipe, seed: int
) -> npt.NDArray[np.float64]:
    """Predictions (m, 2) of every photograph by a projector that saw none of its theme."""
    folds = grouped_folds(themes, OUTER_FOLDS, seed)
    wanted = torch.from_numpy(ratings).float()
    predicted: npt.NDArray[np.float64] = np.empty_like(ratings)
    for fold in range(OUTER_FOLDS):
        test = torch.from_numpy(folds == fold)
        fitted = fit(states[~test], wanted[~test], recipe, seed)
        with torch.inference_mode():
            predicted[test.numpy()] = fitted(states[test]).clamp(-1, 1).double().numpy()
    return predicted


def fit(states: Tensor, ratings: Tensor, recipe: Recipe, seed: int) -> projector.Projector:
    """A projector from (m, D) states to (m, 2) ratings. The same seed, the same projector."""
    fitted = _seeded(states.shape[1], seed)
    fitted.standardize(states)
    steps = torch.optim.AdamW(fitted.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    order = torch.Generator().manual_seed(seed)
    # Dropout draws from the global generator: give it back as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fitted.train()
        for _ in range(recipe.epochs):
            shuffled = torch.randperm(len(states), generator=order)
            for start in range(0, len(states), recipe.batch):
                rows = shuffled[start : start + recipe.batch]
                steps.zero_grad()
                loss(fitted(states[rows]), ratings[rows], recipe.l1).backward()  # type: ignore[no-untyped-call]
                steps.step()
    return fitted.eval()


def loss(predicted: Tensor, wanted: Tensor, l1: float) -> Tensor:
    """Eq. 4 over a batch (m, 2): mean of |e - ê|² + λ |e - ê|₁."""
    error = predicted - wanted
    return (error.square().sum(-1) + l1 * error.abs().sum(-1)).mean()


def _seeded(width: int, seed: int) -> projector.Projector:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return projector.Projector(width)
