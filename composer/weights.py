"""The shipped weights and their model card: written by training, checked by hash when loaded.

Weights are stored as float16 and used as float32. Nothing is pickled and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from composer.config import AdapterConfig, ModelConfig
from composer.decoding import Arrays, StepAdapter, StepDecoder
from composer.errors import WeightsError

SHIPPED = Path(__file__).parent / "weights"
CARD = "symbolic.json"
BASE = "symbolic.safetensors"
ADAPTER = "symbolic-adapter.safetensors"

Card = dict[str, Any]

MAX_SIZE = 8192
"""No size on a card is larger: a wrong one is refused before memory is taken for it."""


@dataclass(frozen=True)
class Weights:
    """Everything that was shipped: float32 arrays by name, and the sizes they fit. No adapter: None."""

    config: ModelConfig
    base: Arrays
    adapter_config: AdapterConfig | None
    adapter: Arrays | None


def write(folder: Path, weights: Weights, facts: Mapping[str, Any]) -> None:
    """Write weights and card into `folder`; `facts` (data, split, losses) go into the card as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    card: Card = {"model": asdict(weights.config), "files": {}, **facts}
    parts = [(BASE, weights.base)]
    if weights.adapter is not None and weights.adapter_config is not None:
        card["adapter"] = asdict(weights.adapter_config)
        parts.append((ADAPTER, weights.adapter))
    for name, arrays in parts:
        blob = save({key: value.astype(np.float16) for key, value in arrays.items()})
        (folder / name).write_bytes(blob)
        card["files"][name] = hashlib.sha256(blob).hexdigest()
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(folder: Path = SHIPPED) -> Card:
    """The model card.

    Raises:
        WeightsError: it is missing or not a card.
    """
    path = folder / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}): reinstall, or train with 'narrascore train symbolic'."
        ) from error
    except ValueError as error:
        raise WeightsError(f"{path} is not JSON: a model card was expected.") from error
    if not isinstance(card, dict) or not (
        isinstance(card.get("model"), dict) and isinstance(card.get("files"), dict)
    ):
        raise WeightsError(f"{path} is not a model card: 'model' and 'files' were expected.")
    return card


def _arrays(folder: Path, name: str, card: Card) -> Arrays:
    path = folder / name
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}).") from error
    expected, found = card["files"].get(name), hashlib.sha256(blob).hexdigest()
    if found != expected:
        raise WeightsError(f"{path} is not the file its card names: sha256 {expected} expected, not {found}.")
    try:
        return {key: value.astype(np.float32) for key, value in load(blob).items()}
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a safetensors file: {error}") from error


def _sound(sizes: Iterable[Any]) -> bool:
    """Whether sizes read from JSON are whole numbers a model may have, or tuples of them."""
    each = [value for size in sizes for value in (size if isinstance(size, tuple) else (size,))]
    return () not in sizes and all(type(value) is int and 1 <= value <= MAX_SIZE for value in each)


def read(folder: Path = SHIPPED) -> Weights:
    """The weights in `folder`, checked against their card.

    Raises:
        WeightsError: with the path and what was expected.
    """
    card = read_card(folder)
    try:
        config = ModelConfig(**{**card["model"], "style_sizes": tuple(card["model"]["style_sizes"])})
        adapter = card.get("adapter")
        adapter_config = None
        if adapter is not None:
            adapter_config = AdapterConfig(**{**adapter, "dilations": tuple(adapter["dilations"])})
    except (TypeError, KeyError) as error:
        raise WeightsError(
            f"{folder / CARD} describes a model this version does not know: {error}"
        ) from error
    for sizes in (config, adapter_config):
        if sizes is not None and not _sound(asdict(sizes).values()):
            raise WeightsError(f"{folder / CARD} gives sizes that are not numbers from 1 to {MAX_SIZE}.")
    base = _arrays(folder, BASE, card)
    return Weights(config, base, adapter_config, _arrays(folder, ADAPTER, card) if adapter_config else None)


def playable(weights: Weights) -> tuple[StepDecoder, StepAdapter | None]:
    """The decoder and adapter that play `weights`.

    Raises:
        WeightsError: the arrays do not fit the sizes on the card.
    """
    try:
        decoder = StepDecoder(weights.base, weights.config)
        adapter = None
        if weights.adapter is not None and weights.adapter_config is not None:
            adapter = StepAdapter(weights.adapter, weights.adapter_config)
        # One token tells whether every array has the shape its neighbors need.
        residuals = adapter.begin().step(0.0, 0.0)[:, None] if adapter is not None else None
        decoder.step(decoder.begin(1), 0, 0, (0,) * len(weights.config.style_sizes), residuals)
    except (KeyError, ValueError, IndexError) as error:
        raise WeightsError(f"The weights do not fit the model their card describes: {error}") from error
    return decoder, adapter
