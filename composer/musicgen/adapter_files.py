"""A trained MusicGen adapter on disk: safetensors and a card that names the base it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from composer.config import AdapterConfig, ModelConfig
from composer.decoding import Arrays, StepAdapter
from composer.errors import WeightsError
from composer.musicgen.geometry import Geometry
from composer.musicgen.loading import read_card, sha256, write_card

FILE = "musicgen-adapter.safetensors"
CARD = "musicgen-adapter.json"

SIZES = AdapterConfig(width=128, kernel=3, dilations=(1, 2, 4, 8, 16))
"""63 tokens of the past, 1.26 s: the curve is super-resolved over more than one reading of the sensor."""


def base_of(geometry: Geometry) -> ModelConfig:
    """The adapter's view of the base: as many blocks of that width; the first 75 % take residuals."""
    return ModelConfig(layers=geometry.layers, width=geometry.width)


def write(folder: Path, arrays: Arrays, config: AdapterConfig, digest: str, facts: Mapping[str, Any]) -> None:
    """`digest` is the base checkpoint's; `facts` go into the card as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    part = path.with_suffix(".part")
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, part)
    part.replace(path)
    card = {"adapter": asdict(config), "base_sha256": digest, "file_sha256": sha256(path), **facts}
    write_card(folder / CARD, card)


def read(folder: Path, digest: str, geometry: Geometry) -> StepAdapter:
    """The adapter, ready to play.

    Raises WeightsError when it is missing, damaged, or was trained on another base.
    """
    card = read_card(folder / CARD)
    if card is None or not {"adapter", "base_sha256", "file_sha256"} <= card.keys():
        raise WeightsError(f"{folder} holds no adapter: make one with 'narrascore train musicgen-adapter'.")
    if card["base_sha256"] != digest:
        raise WeightsError(f"The adapter in {folder} was trained on other MusicGen weights than these.")
    try:
        if sha256(folder / FILE) != card["file_sha256"]:
            raise WeightsError(f"{folder / FILE} is not the file its card names.")
        sizes = card["adapter"]
        config = AdapterConfig(**{**sizes, "dilations": tuple(sizes["dilations"])})
        adapter = StepAdapter(load_file(folder / FILE), config)
        found = adapter.begin().step(0.0, 0.0).shape
    except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
        raise WeightsError(f"The adapter in {folder} cannot be used: {error}") from error
    if found != (geometry.shallow, geometry.width):
        raise WeightsError(f"The adapter in {folder} is made for another size of MusicGen.")
    return adapter
