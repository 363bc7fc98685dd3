"""The shipped weights and their model card: written by training, checked by hash when loaded.

Weights are stored as float16 and used as float32. Nothing is pickled and nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from composer.adapter import Adapter, AdapterConfig
from composer.errors import WeightsError
from composer.model import Decoder, ModelConfig

SHIPPED = Path(__file__).parent / "weights"
CARD = "symbolic.json"
BASE = "symbolic.safetensors"
ADAPTER = "symbolic-adapter.safetensors"

Card = dict[str, Any]


def write(
    folder: Path,
    base: Decoder,
    adapter: Adapter | None,
    facts: Mapping[str, Any],
) -> None:
    """Write weights and card into `folder`; `facts` (data, split, losses) go into the card as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    card: Card = {"model": asdict(base.config), "files": {}, **facts}
    parts: list[tuple[str, nn.Module]] = [(BASE, base)]
    if adapter is not None:
        card["adapter"] = asdict(adapter.config)
        parts.append((ADAPTER, adapter))
    for name, module in parts:
        blob = save({key: value.half().contiguous() for key, value in module.state_dict().items()})
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
    if not isinstance(card, dict) or not {"model", "files"} <= card.keys():
        raise WeightsError(f"{path} is not a model card: 'model' and 'files' were expected.")
    return card


def _fill(module: nn.Module, folder: Path, name: str, card: Card) -> None:
    path = folder / name
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}).") from error
    expected, found = card["files"].get(name), hashlib.sha256(blob).hexdigest()
    if found != expected:
        raise WeightsError(
            f"{path} is not the file its card names: sha256 {expected} was expected, not {found}."
        )
    try:
        module.load_state_dict({key: value.float() for key, value in load(blob).items()})
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(f"{path} does not fit the model its card describes: {error}") from error


def load_symbolic(folder: Path = SHIPPED) -> tuple[Decoder, Adapter | None]:
    """The decoder and its adapter (None where the card has none), in evaluation mode, frozen.

    Raises:
        WeightsError: with the path and what was expected.
    """
    card = read_card(folder)
    try:
        config = ModelConfig(**{**card["model"], "style_sizes": tuple(card["model"]["style_sizes"])})
        adapter_config = card.get("adapter")
        if adapter_config is not None:
            adapter_config = AdapterConfig(
                **{**adapter_config, "dilations": tuple(adapter_config["dilations"])}
            )
    except (TypeError, KeyError) as error:
        raise WeightsError(
            f"{folder / CARD} describes a model this version does not know: {error}"
        ) from error
    with torch.random.fork_rng(
        devices=[]
    ):  # building a module draws random weights: leave the caller's stream alone
        base = Decoder(config)
        adapter = Adapter(adapter_config, config) if adapter_config is not None else None
    _fill(base, folder, BASE, card)
    if adapter is not None:
        _fill(adapter, folder, ADAPTER, card)
        adapter.requires_grad_(False).eval()
    base.requires_grad_(False).eval()
    return base, adapter
