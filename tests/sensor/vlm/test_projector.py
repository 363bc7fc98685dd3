"""The probe's files: what is saved is what is loaded, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from sensor.errors import WeightsError
from sensor.vlm import projector, prompt
from sensor.vlm.card import CARD_FILE, WEIGHTS_FILE
from sensor.vlm.projector import Projector

OWN = "f" * 64


@pytest.fixture
def made() -> Projector:
    torch.manual_seed(3)
    made = Projector(12, 6)
    made.standardize(5.0 + 3.0 * torch.randn(40, 12))
    return made.eval()


@pytest.fixture
def saved(made: Projector, tmp_path: Path) -> Path:
    card = {"model": {"name": "tiny", "fingerprint": OWN}, "prompt_sha256": prompt.digest()}
    return projector.save(tmp_path / "probe", made, card)


def test_what_is_saved_is_loaded(made: Projector, saved: Path) -> None:
    again = projector.load(saved, OWN, 12)
    state = torch.randn(12)
    assert again.read(state) == made.read(state) is not None
    assert not again.training


def test_readings_are_clipped_and_never_nan(made: Projector) -> None:
    point = made.read(torch.full((12,), 1e6))
    assert point is not None and all(-1 <= each <= 1 for each in point)
    assert made.read(torch.full((12,), torch.nan)) is None


def refused(folder: Path, fingerprint: str = OWN, width: int = 12) -> str:
    with pytest.raises(WeightsError) as caught:
        projector.load(folder, fingerprint, width)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_probe_of_another_model_is_refused(saved: Path) -> None:
    assert "tiny" in refused(saved, "e" * 64)
    assert "13 inputs" in refused(saved, OWN, 13)


def test_a_probe_trained_under_other_words_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt, "PRIMER", "Look.")
    assert "primer" in refused(saved)


def test_broken_files_are_refused(saved: Path, tmp_path: Path) -> None:
    weights, card = saved / WEIGHTS_FILE, saved / CARD_FILE
    assert "vlm-probe.json" in refused(tmp_path)
    data = weights.read_bytes()
    weights.write_bytes(data[:-8])
    assert "vlm-probe.safetensors" in refused(saved)
    weights.unlink()
    assert "no readable file" in refused(saved)
    weights.write_bytes(data)
    card.write_text('{"format": 99}')
    assert "format" in refused(saved)
    card.write_text("{")
    assert "JSON" in refused(saved)


def test_weights_that_are_not_finite_are_refused(saved: Path) -> None:
    import hashlib

    weights, card = saved / WEIGHTS_FILE, saved / CARD_FILE
    tensors = load_file(weights)
    tensors["second.bias"][0] = torch.nan
    data = save(tensors)
    weights.write_bytes(data)
    told = json.loads(card.read_text())
    card.write_text(json.dumps({**told, "weights_sha256": hashlib.sha256(data).hexdigest()}))
    assert "finite" in refused(saved)
