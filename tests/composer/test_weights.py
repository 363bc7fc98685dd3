"""Weights are checked before they are trusted, and what is refused says where and why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from composer import weights
from composer.errors import WeightsError
from tests.composer import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights.write(tmp_path, tiny.weights(), {"data": "made up"})
    return tmp_path


def test_written_weights_come_back(folder: Path) -> None:
    back, written = weights.read(folder), tiny.weights()
    assert (back.config, back.adapter_config) == (written.config, written.adapter_config)
    assert back.base.keys() == written.base.keys()
    for name, value in written.base.items():
        assert np.array_equal(back.base[name], value.astype(np.float16).astype(np.float32))


def test_arrays_that_do_not_fit_the_card_are_refused(folder: Path) -> None:
    card = json.loads((folder / weights.CARD).read_text())
    card["model"]["heads"] = 3
    (folder / weights.CARD).write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="do not fit"):
        weights.playable(weights.read(folder))


@pytest.mark.parametrize("name", [weights.BASE, weights.ADAPTER])
def test_a_truncated_file_is_refused_by_name(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match=name):
        weights.read(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json"])
def test_a_card_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / weights.CARD).write_text(text)
    with pytest.raises(WeightsError, match=weights.CARD):
        weights.read(folder)


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="narrascore train symbolic"):
        weights.read(tmp_path / "nowhere")


def test_the_shipped_weights_load_and_are_small() -> None:
    shipped = weights.read()
    assert shipped.adapter is not None
    assert np.abs(shipped.adapter["gamma"]).max() > 0.0, "the shipped adapter was never trained"
    for name in (weights.BASE, weights.ADAPTER):
        assert (weights.SHIPPED / name).stat().st_size <= 20 * 2**20
    assert sum(array.size for array in shipped.base.values()) > 1_000_000
