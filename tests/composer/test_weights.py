"""Weights are checked before they are trusted, and what is refused says where and why."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from composer import weights
from composer.errors import WeightsError
from tests.composer import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights.write(tmp_path, tiny.decoder(), tiny.adapter(), {"data": "made up"})
    return tmp_path


def test_written_weights_come_back(folder: Path) -> None:
    base, adapter = weights.load_symbolic(folder)
    assert adapter is not None
    for name, value in tiny.decoder().state_dict().items():
        assert torch.equal(base.state_dict()[name], value.half().float())
    assert not any(p.requires_grad for p in [*base.parameters(), *adapter.parameters()])


@pytest.mark.parametrize("name", [weights.BASE, weights.ADAPTER])
def test_a_truncated_file_is_refused_by_name(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match=name):
        weights.load_symbolic(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json"])
def test_a_card_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / weights.CARD).write_text(text)
    with pytest.raises(WeightsError, match=weights.CARD):
        weights.load_symbolic(folder)


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="narrascore train symbolic"):
        weights.load_symbolic(tmp_path / "nowhere")


def test_the_shipped_weights_load_and_are_small() -> None:
    base, adapter = weights.load_symbolic()
    assert adapter is not None
    assert float(adapter.gamma.abs().max()) > 0.0, "the shipped adapter was never trained"
    for name in (weights.BASE, weights.ADAPTER):
        assert (weights.SHIPPED / name).stat().st_size <= 20 * 2**20
    assert sum(p.numel() for p in base.parameters()) > 1_000_000
