"""The probe: what turns encoder features into valence and arousal. The only trained part of the sensor.

It stands where the paper's eq. 3 has its projector: e = clip[-1,1](probe(pooled features)). Weights and model
card are made by `sensor.train` and shipped in `sensor/weights`.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sensor.encoder import Features
from sensor.errors import WeightsError
from sensor.kernel import KernelModel
from sensor.reading import Point, clip_unit

WEIGHTS_FILE = "probe.safetensors"
CARD_FILE = "probe.json"
FORMAT = 2
ARITHMETIC = "int8"
"""How the encoder of these features computes; a probe for another way (format 1: float32) is refused."""

Card = dict[str, Any]
"""The model card as JSON holds it: data, folds, r, CCC, MAE, encoder, hash of the weights."""


class Probe:
    """A fitted probe and its card. Read-only, so any number of threads may share it."""

    def __init__(self, model: KernelModel, card: Card, path: Path) -> None:
        self.path = path
        self.model = model
        self.card = card

    @property
    def variant(self) -> str:
        """Name of the encoder it was trained on."""
        return str(self.card["encoder"]["variant"])

    @property
    def size_px(self) -> int:
        """Side of the pictures it was trained on."""
        return int(self.card["encoder"]["size_px"])

    def read(self, features: Features) -> Point:
        """(valence, arousal) of one picture's features (n,), clipped to [-1, 1]."""
        valence, arousal = self.model.predict(features[None])[0]
        return clip_unit(float(valence)), clip_unit(float(arousal))


def shipped_folder() -> Path:
    """Where the package keeps its own probe."""
    return Path(str(resources.files("sensor") / "weights"))


def load_probe(folder: Path | None = None) -> Probe:
    """The probe in `folder`, by default the one shipped with the package.

    Raises `WeightsError`, naming the file, when one of the two files is missing, truncated, or does not
    belong to the other.
    """
    folder = folder or shipped_folder()
    card_path, path = folder / CARD_FILE, folder / WEIGHTS_FILE
    card = _read_card(card_path)
    data = _read(path, "the probe's weights")
    digest = hashlib.sha256(data).hexdigest()
    if digest != card["weights_sha256"]:
        found = f"{len(data)} bytes with {digest[:12]}..."
        raise WeightsError(
            path, f"the file {card_path.name} describes, SHA-256 {card['weights_sha256']}", found
        )
    try:
        tensors = load_tensors(data)
        model = KernelModel(**{name: tensors[name].astype(np.float32) for name in KernelModel._fields})
    except (SafetensorError, KeyError) as error:
        raise WeightsError(path, f"the tensors {', '.join(KernelModel._fields)}", str(error)) from None
    if not _fits(model):
        shapes = {name: each.shape for name, each in zip(model._fields, model, strict=True)}
        raise WeightsError(path, "finite tensors of matching shapes", str(shapes))
    return Probe(model, card, path)


def save_probe(folder: Path, model: KernelModel, card: Card) -> Probe:
    """Write weights and card to `folder`; returns the probe as it will be loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    # Half precision where thousands of numbers are averaged over; the rest is small.
    halves = {"axes", "support"}
    data = save_tensors(
        {
            name: np.ascontiguousarray(each.astype(np.float16 if name in halves else np.float32))
            for name, each in zip(model._fields, model, strict=True)
        }
    )
    card = {"format": FORMAT, **card, "weights_sha256": hashlib.sha256(data).hexdigest()}
    (folder / WEIGHTS_FILE).write_bytes(data)
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return load_probe(folder)


def _read_card(path: Path) -> Card:
    expected = f"a model card, JSON of format {FORMAT}"
    try:
        card = json.loads(_read(path, expected).decode())
    except ValueError as error:
        raise WeightsError(path, expected, f"no JSON ({error})") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise WeightsError(path, expected, "another format")
    encoder = card.get("encoder")
    if not (isinstance(encoder, dict) and {"variant", "size_px", "sha256"} <= encoder.keys()):
        raise WeightsError(path, f'{expected}, with "encoder": variant, size_px, sha256', "none")
    if encoder.get("arithmetic") != ARITHMETIC:
        raise WeightsError(path, f"an encoder that computes in {ARITHMETIC}", str(encoder.get("arithmetic")))
    if not isinstance(card.get("weights_sha256"), str):
        raise WeightsError(path, f'{expected}, with "weights_sha256"', "none")
    return card


def _read(path: Path, expected: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(path, expected, f"no readable file ({error.strerror})") from None


def _fits(model: KernelModel) -> bool:
    shapes = [each.shape for each in model]
    if [len(shape) for shape in shapes] != [1, 1, 2, 2, 2, 1]:
        return False
    n, (m, rank) = shapes[0][0], shapes[3]
    expected = [(n,), (n,), (n, rank), (m, rank), (m, 2), (2,)]
    return shapes == expected and all(bool(np.isfinite(each).all()) for each in model)
