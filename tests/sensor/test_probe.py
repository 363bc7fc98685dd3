"""The shipped probe, and how wrong or broken weight files are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from sensor.encoder import Encoder, create_encoder
from sensor.errors import SensorError, WeightsError
from sensor.kernel import KernelModel
from sensor.live import Eye
from sensor.probe import CARD_FILE, WEIGHTS_FILE, load_probe, save_probe, shipped_folder


def tiny(seed: int = 0) -> KernelModel:
    rng = np.random.default_rng(seed)
    shapes = ((5,), (5,), (5, 3), (7, 3), (7, 2), (2,))
    return KernelModel(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes))


CARD = {"encoder": {"variant": "lite1", "size_px": 224, "arithmetic": "int8", "sha256": "0" * 64}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (WEIGHTS_FILE, CARD_FILE):
        shutil.copy(shipped_folder() / name, tmp_path / name)
    return tmp_path


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    saved = save_probe(tmp_path, tiny(), CARD)
    features = np.random.default_rng(1).standard_normal((4, 5)).astype(np.float32)
    np.testing.assert_array_equal(saved.model.predict(features), load_probe(tmp_path).model.predict(features))
    np.testing.assert_allclose(saved.model.predict(features), tiny().predict(features), atol=0.02)


def test_readings_stay_in_range(tmp_path: Path) -> None:
    model = tiny()._replace(offset=np.array([9.0, -9.0], np.float32))
    assert save_probe(tmp_path, model, CARD).read(np.zeros(5, np.float32)) == (1.0, -1.0)


def truncate(folder: Path) -> str:
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:1000])
    return WEIGHTS_FILE


def flip(folder: Path) -> str:
    path = folder / WEIGHTS_FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return WEIGHTS_FILE


def remove_weights(folder: Path) -> str:
    (folder / WEIGHTS_FILE).unlink()
    return WEIGHTS_FILE


def remove_card(folder: Path) -> str:
    (folder / CARD_FILE).unlink()
    return CARD_FILE


def truncate_card(folder: Path) -> str:
    path = folder / CARD_FILE
    path.write_text(path.read_text()[:80])
    return CARD_FILE


def empty_card(folder: Path) -> str:
    (folder / CARD_FILE).write_text("[]")
    return CARD_FILE


def nameless_card(folder: Path) -> str:
    (folder / CARD_FILE).write_text('{"format": 1}')
    return CARD_FILE


def float_features(folder: Path) -> str:
    path = folder / CARD_FILE
    path.write_text(path.read_text().replace('"int8"', '"float32"'))
    return CARD_FILE


def other_tensors(folder: Path) -> str:
    with suppress(WeightsError):  # saving reads back what it wrote
        save_probe(folder, tiny()._replace(offset=np.zeros(3, np.float32)), CARD)
    return WEIGHTS_FILE


def not_finite(folder: Path) -> str:
    with suppress(WeightsError):
        save_probe(folder, tiny()._replace(offset=np.full(2, np.nan, np.float32)), CARD)
    return WEIGHTS_FILE


@pytest.mark.parametrize(
    "spoil",
    [
        truncate,
        flip,
        remove_weights,
        remove_card,
        truncate_card,
        empty_card,
        nameless_card,
        float_features,
        other_tensors,
        not_finite,
    ],
)
def test_a_spoiled_file_is_refused_with_its_path(folder: Path, spoil: Callable[[Path], str]) -> None:
    named = spoil(folder)
    with pytest.raises(WeightsError, match="expected") as caught:
        load_probe(folder)
    assert str(folder / named) in str(caught.value)
    assert isinstance(caught.value, SensorError)


def test_a_probe_for_another_encoder_is_refused(tmp_path: Path) -> None:
    encoder: Encoder = create_encoder()
    with pytest.raises(WeightsError, match="000000000000"):
        Eye(encoder, save_probe(tmp_path, tiny(), CARD))


def test_the_card_says_what_the_probe_is_worth() -> None:
    card = json.loads((shipped_folder() / CARD_FILE).read_text())
    assert card["encoder"]["sha256"] == create_encoder(card["encoder"]["variant"]).digest
    assert card["folds"]["grouped_by"] == "theme"
    assert "10.3758" in card["data"]["doi"]
    for axis in ("valence", "arousal"):
        found = card["held_out"][axis]
        assert found["r_low"] < found["r"] < found["r_high"]
        assert 0 < found["ccc"] <= found["r"]
        assert found["mae"] > 0
