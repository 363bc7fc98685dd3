"""Training the projector: the loss as written, folds that keep themes apart, the whole way on a tiny set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sensor.errors import DataError
from sensor.oasis import read_ratings
from sensor.validation import pearson
from sensor.vlm import projector
from sensor.vlm.card import CARD_FILE
from sensor.vlm.loading import load
from sensor.vlm.source import fingerprint
from sensor.vlm.train import Recipe, cross_validate, fit, loss, states_of, train_vlm_probe
from tests.sensor.pictures import blobs, write_png

QUICK = Recipe(epochs=4)


def test_the_loss_is_the_papers() -> None:
    predicted = torch.tensor([[0.5, 0.0], [0.0, -1.0]])
    wanted = torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    # Errors (0.5, 0) and (0, -2): squares 0.25 and 4, absolute 0.5 and 2, over two frames.
    assert float(loss(predicted, wanted, 0.1)) == pytest.approx((0.25 + 4 + 0.1 * 2.5) / 2)


def test_fitting_learns_and_repeats() -> None:
    rng = torch.Generator().manual_seed(0)
    states = 100.0 + 30.0 * torch.randn(300, 10, generator=rng)
    wanted = torch.tanh((states[:, :2] - 100.0) / 60.0)
    before = torch.random.get_rng_state()
    first, second = (fit(states, wanted, Recipe(epochs=40), 5) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is left alone"
    with torch.inference_mode():
        assert torch.equal(first(states), second(states))
        assert float((first(states) - wanted).abs().mean()) < 0.05 < float(wanted.abs().mean())


def test_a_theme_never_helps_to_read_itself() -> None:
    rng = np.random.default_rng(1)
    themes = [f"theme {i // 5}" for i in range(200)]
    # A state says which theme it is and nothing else; ratings belong to the theme by chance.
    states = torch.eye(40).repeat_interleave(5, 0) + 0.01 * torch.randn(200, 40)
    ratings = np.repeat(rng.uniform(-0.8, 0.8, (40, 2)), 5, axis=0)
    held_out = cross_validate(states, ratings, themes, Recipe(epochs=25), 0)
    seen = fit(states, torch.from_numpy(ratings).float(), Recipe(epochs=25), 0)
    with torch.inference_mode():
        inside = seen(states).double().numpy()
    for axis in (0, 1):
        assert pearson(inside[:, axis], ratings[:, axis]) > 0.8
        assert pearson(held_out[:, axis], ratings[:, axis]) < 0.4


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twenty themes of two pictures."""
    folder = tmp_path / "oasis"
    (folder / "images").mkdir(parents=True)
    rows = ["file,theme,valence_mean_1to7,arousal_mean_1to7"]
    for i in range(40):
        write_png(folder / "images" / f"{i}.png", blobs(i, 64, 36))
        rows.append(f"{i}.png,theme {i // 2},{1 + 6 * (i % 7) / 7:.2f},{1 + 6 * (i % 5) / 5:.2f}")
    (folder / "ratings.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_probe_is_trained_and_fits_its_model(
    data: Path, tmp_path: Path, folder_of: Callable[[str], Path]
) -> None:
    folder = folder_of("video_llama_3")
    told: list[tuple[int, int]] = []
    card = train_vlm_probe(
        data,
        folder,
        tmp_path / "out",
        3,
        name="tiny",
        recipe=QUICK,
        progress=lambda done, of: told.append((done, of)),
    )
    assert told == [(i, 40) for i in range(1, 41)]
    written = json.loads((tmp_path / "out" / CARD_FILE).read_text())
    assert written["held_out"] == card["held_out"] and set(card["held_out"]["valence"]) >= {"r", "ccc", "mae"}
    assert written["model"]["family"] == "video_llama_3" and written["folds"]["grouped_by"] == "theme"
    vlm = load(folder)
    again = projector.load(tmp_path / "out", fingerprint(folder), vlm.width)
    states = states_of(vlm, read_ratings(data))
    points = [again.read(state) for state in states]
    assert len(set(points)) > 20 and all(point is not None for point in points)


def test_too_few_themes_are_refused(data: Path, tmp_path: Path, folder: Path) -> None:
    table = data / "ratings.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:21]) + "\n")
    with pytest.raises(DataError, match="10 themes"):
        train_vlm_probe(data, folder, tmp_path / "out", 0, recipe=QUICK)
