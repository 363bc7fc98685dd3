"""Weights are found, or a sentence says why not; nothing is fetched."""

from __future__ import annotations

import json
import pickle
import socket
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from composer.errors import WeightsError
from composer.musicgen.assembly import assemble
from composer.musicgen.factory import MusicGenFactory
from composer.musicgen.loading import Options, find, geometry_of, load_model
from tests.composer.musicgen import tiny_musicgen


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects fails the test."""

    def refuse(*args: object) -> None:
        raise AssertionError("a test reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_a_folder_is_read_and_its_sizes_are_known(folder: Path) -> None:
    checkpoint = find(Options(str(folder)))
    assert len(checkpoint.digest) == 64 and checkpoint.name == "tiny"
    assert geometry_of(load_model(checkpoint)) == tiny_musicgen.GEOMETRY


def test_a_hub_id_that_is_not_here_is_not_fetched() -> None:
    with pytest.raises(WeightsError, match="--musicgen-download"):
        find(Options("nobody/musicgen-none"))


def test_neither_a_folder_nor_an_id() -> None:
    with pytest.raises(WeightsError, match="neither a folder nor a hub id"):
        find(Options("no such folder"))


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    with pytest.raises(WeightsError, match="safetensors"):
        find(Options(str(tmp_path)))


def test_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(WeightsError, match="not a MusicGen"):
        load_model(find(Options(str(tmp_path))))


def test_a_truncated_file_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = (folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="cannot be read"):
        load_model(find(Options(str(tmp_path))))


def test_a_file_that_lacks_a_weight_is_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("decoder.model.decoder.layers.2.fc1.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="lacks 1 weights"):
        load_model(find(Options(str(tmp_path))))


def test_the_factory_crosses_to_another_process_by_name(folder: Path) -> None:
    factory = pickle.loads(pickle.dumps(MusicGenFactory(Options(str(folder), threads=1))))
    composer = factory()
    composer.prime("warm piano", 0)
    assert composer.render(480).shape == (480, 2)


def test_the_second_start_converts_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = Options(str(folder), backend="onnx", threads=1)
    assemble(options)
    caplog.clear()
    assemble(options)
    assert "writing" not in caplog.text and "directions" not in caplog.text
    assert "CC-BY-NC" in caplog.text
