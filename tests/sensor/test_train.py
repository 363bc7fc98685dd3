"""Training: reproducible on a tiny data set, honest about themes, clear about bad data."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from sensor.errors import DataError
from sensor.kernel import cross_predict, fit
from sensor.live import Eye
from sensor.oasis import read_ratings, read_still
from sensor.picture import Shrinker
from sensor.probe import CARD_FILE, WEIGHTS_FILE
from sensor.train import encode_all, train_probe
from sensor.validation import concordance, grouped_folds, judge, pearson
from tests.sensor.pictures import blobs, write_png

HEADER = ("file", "theme", "category", "valence_mean_1to7", "valence_sd", "arousal_mean_1to7", "arousal_sd")


def tiny_data(folder: Path, themes: int = 20) -> Path:
    """Two pictures a theme; the redder, the more aroused, the greener, the more pleasant."""
    (folder / "images").mkdir(parents=True)
    with (folder / "ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for i in range(2 * themes):
            picture = blobs(i, 96, 64) // 2
            red, green = (int(x) for x in np.random.default_rng(i).integers(0, 120, 2))
            picture[..., 0] += np.uint8(red)
            picture[..., 1] += np.uint8(green)
            write_png(folder / "images" / f"{i}.png", picture)
            writer.writerow([f"{i}.png", f"theme {i // 2}", "", 1 + green / 20, 1.0, 1 + red / 20, 1.0])
    return folder


def test_same_data_and_seed_same_files(tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data")
    steps: list[tuple[int, int]] = []
    one = train_probe(data, tmp_path / "one", 3, progress=lambda *step: steps.append(step))
    train_probe(data, tmp_path / "two", 3)
    for name in (WEIGHTS_FILE, CARD_FILE):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert steps[-1] == (40, 40)
    assert one.card["data"] == {**one.card["data"], "pictures": 40, "themes": 20}
    # The colors can be read from the features, so themes never seen are predicted too.
    assert one.card["held_out"]["arousal"]["r"] > 0.5


def test_held_out_means_held_out() -> None:
    """On pure noise, whose themes share a rating, honest folds find nothing."""
    rng = np.random.default_rng(0)
    themes = [f"{i // 4}" for i in range(240)]
    features = np.repeat(rng.standard_normal((60, 30)), 4, 0) + 0.1 * rng.standard_normal((240, 30))
    ratings = np.repeat(rng.standard_normal((60, 2)), 4, 0)
    grouped = cross_predict(features / 5, ratings, grouped_folds(themes, 10, 0))
    leaking = cross_predict(features / 5, ratings, np.arange(240) % 10)
    assert max(pearson(p[:, 0], ratings[:, 0]) for p in grouped) < 0.3
    assert max(pearson(p[:, 0], ratings[:, 0]) for p in leaking) > 0.9


def test_folds_keep_themes_together() -> None:
    themes = [f"{i % 23}" for i in range(100)]
    folds = grouped_folds(themes, 5, 1)
    assert set(folds) == set(range(5))
    assert all(
        len({fold for fold, name in zip(folds, themes, strict=True) if name == theme}) == 1
        for theme in themes
    )
    assert (folds == grouped_folds(themes, 5, 1)).all()
    assert (folds != grouped_folds(themes, 5, 2)).any()


def test_the_model_finds_a_smooth_function() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 4))
    y = np.stack([np.tanh(x[:, 0] * x[:, 1]), np.sin(x[:, 2])], 1)
    importance = np.full(4, 0.25)
    model = fit(x[:200], y[:200], np.arange(200) % 5, importance, rank=4)
    found = model.predict(x[200:].astype(np.float32))
    assert all(pearson(found[:, axis].astype(np.float64), y[200:, axis]) > 0.8 for axis in (0, 1))


def test_measures() -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal(100)
    themes = [f"{i // 2}" for i in range(100)]
    assert concordance(y, y) == pytest.approx(1)
    assert concordance(y + 1, y) < pearson(y + 1, y) == pytest.approx(1)
    assert pearson(y, np.zeros(100)) == 0
    found = judge(y + rng.standard_normal(100), y, themes, 0)
    assert found.r_low < found.r < found.r_high
    assert found.mae == pytest.approx(0.8, abs=0.2)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "ratings.csv"),
        ("file,theme\n", "valence_mean_1to7"),
        ("file,theme,valence_mean_1to7,arousal_mean_1to7\n", "no rows"),
        ("file,theme,valence_mean_1to7,arousal_mean_1to7\na.png,a,high,2\n", "high"),
        ("file,theme,valence_mean_1to7,arousal_mean_1to7\na.png,a,3,2\n", "a.png"),
    ],
)
def test_data_that_cannot_be_used(table: str | None, message: str, tmp_path: Path) -> None:
    if table is not None:
        (tmp_path / "ratings.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        train_probe(tmp_path, tmp_path / "out", 0)
    assert not (tmp_path / "out").exists()


def test_too_few_themes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="themes are too few"):
        train_probe(tiny_data(tmp_path / "data", 3), tmp_path / "out", 0)


def test_the_cards_correlation_holds_on_the_real_ratings(oasis: Path, eye: Eye) -> None:
    """What the card claims follows from the shipped support points and the published ratings."""
    probe, rows = eye.probe, read_ratings(oasis)
    points = probe.model.support.astype(np.float64)
    assert len(points) == len(rows)
    some = [rows[i] for i in range(0, len(rows), 80)]
    features = encode_all(some, eye.encoder).astype(np.float32)
    projected = ((features - probe.model.shift) * probe.model.scale) @ probe.model.axes
    np.testing.assert_allclose(projected, points[::80], atol=0.02)
    ratings = np.array([[row.valence, row.arousal] for row in rows])
    themes = [row.theme for row in rows]
    out = cross_predict(points, ratings, grouped_folds(themes, 10, probe.card["folds"]["seed"]))
    best = ((out - ratings) ** 2).mean(1).argmin(0)
    for axis, name in enumerate(("valence", "arousal")):
        found = pearson(out[best[axis], :, axis], ratings[:, axis])
        assert found == pytest.approx(probe.card["held_out"][name]["r"], abs=0.02)


def test_different_real_pictures_read_differently(oasis: Path, eye: Eye) -> None:
    shrinker = Shrinker(eye.encoder.size_px)
    rows = read_ratings(oasis)[::60]
    found = []
    for row in rows:
        picture = shrinker.shrink(read_still(row.path))
        assert picture is not None
        found.append(eye.probe.read(eye.encoder.features(picture.rgb)))
    assert len({(round(v, 3), round(a, 3)) for v, a in found}) == len(rows)
    assert np.ptp([v for v, _ in found]) > 0.3
