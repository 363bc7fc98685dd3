"""From a folder of scores to the shipped files: trains, measures, and writes weights with their card."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from composer import corpus, dataset, training, weights
from composer.decoding import Arrays
from composer.errors import WeightsError
from composer.model import Decoder
from composer.ngram import NGram
from composer.tokens import VOCABULARY
from composer.train import train_base
from composer.train_adapter import train_adapter

log = logging.getLogger(__name__)

NGRAM_ORDER = 5

_SOURCES = {
    "name": "NarraScore Live symbolic composer",
    "licence": "Apache-2.0",
    "data": [
        {"name": "OpenScore Lieder Corpus", "licence": "CC0-1.0"},
        {"name": "OpenScore String Quartets", "licence": "CC0-1.0"},
    ],
    "use": "Background music; trained on nineteenth-century songs and quartets, notes only.",
    "tokens": "bar, key, position, role and pitch, length; 12 steps a quarter (composer/tokens.py)",
    "labels": "composer/labels.py: Krumhansl-Kessler mode, Huron consonance, log note rate, register",
}


def _arrays(module: nn.Module) -> Arrays:
    return {name: value.numpy() for name, value in module.state_dict().items()}


def _training(steps: int, seed: int) -> dict[str, Any]:
    tokens = training.BATCH_ROWS * training.BATCH_TOKENS
    precision = "bfloat16" if training.multiplies_bfloat16() else "float32"
    return {"steps": steps, "tokens_per_step": tokens, "seed": seed, "products": precision}


def ship_base(
    data: Path, run: Path, out: Path | None, steps: int, seed: int, begin: Path | None = None
) -> None:
    """Train the base and write it, without an adapter (one that was there belongs to another base).

    `begin` is a folder of weights to begin with; the card then keeps how those were trained.

    Raises:
        WeightsError: `begin` holds no weights.
    """
    torch.set_num_threads(1)
    how = _training(steps, seed)
    config, arrays = None, None
    if begin is not None:
        config, arrays = (earlier := weights.read(begin)).config, earlier.base
        card = weights.read_card(begin)
        how["begun_from"] = {**card.get("training", {}), "sha256": card["files"][weights.BASE]}
    folder = run / ("base" if begin is None else "further")
    model, pieces, bits = train_base(data, folder, steps, seed, config=config, begin=arrays)
    log.info("counting the n-gram baseline")
    baseline = NGram(NGRAM_ORDER, VOCABULARY).fit(pieces.train.tokens).bits_per_token(pieces.held_out.tokens)
    facts: Mapping[str, Any] = {
        **_SOURCES,
        "training": how,
        "split": {
            "pieces": len(pieces.train.names),
            "tokens": len(pieces.train.tokens),
            "held_out_pieces": len(pieces.held_out.names),
            "held_out_composers": list(pieces.held_out_composers),
        },
        "held_out_bits_per_token": round(bits, 4),
        f"ngram_{NGRAM_ORDER}_bits_per_token": round(baseline, 4),
        "label_scale": pieces.scale._asdict(),
    }
    shipped = weights.Weights(model.config, _arrays(model), None, None)
    weights.write(out or weights.SHIPPED, shipped, facts)
    log.info("%.3f bits per token held out, %.3f for the %d-gram", bits, baseline, NGRAM_ORDER)


def ship_adapter(data: Path, run: Path, out: Path | None, steps: int, seed: int) -> None:
    """Train the adapter on the base in `out` and write both with one card.

    Raises:
        WeightsError: there is no base to stand on, or the data are not those it was trained on.
    """
    torch.set_num_threads(1)
    folder = out or weights.SHIPPED
    card = weights.read_card(folder)
    base = weights.read(folder)
    model = Decoder(base.config)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in base.base.items()})
    pieces = dataset.build(corpus.load(data, run / "corpus.npz"))
    if list(pieces.held_out_composers) != card.get("split", {}).get("held_out_composers"):
        raise WeightsError(
            f"{folder / weights.CARD} holds out other composers than {data}: train the base first."
        )
    adapter, verdict = train_adapter(model, pieces, run / "adapter", steps, seed)
    facts = {key: value for key, value in card.items() if key not in ("model", "adapter", "files")}
    facts["adapter_training"] = _training(steps, seed)
    facts["adapter_held_out_bits_per_token"] = {k: round(v, 4) for k, v in verdict._asdict().items()}
    shipped = weights.Weights(base.config, base.base, adapter.config, _arrays(adapter))
    weights.write(folder, shipped, facts)
    log.info("held out bits: %s", verdict)
