"""Second stage: the adapter learns affect, the base frozen. `narrascore train symbolic-adapter`."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from composer import training
from composer.adapter import Adapter
from composer.config import AdapterConfig
from composer.dataset import Dataset
from composer.model import Decoder
from composer.train import base_loss
from composer.training import (
    Batch,
    Gradients,
    Schedule,
    bits,
    held_out_batches,
    parts_of,
    training_batch,
)

log = logging.getLogger(__name__)


class Verdict(NamedTuple):
    """Held-out bits per token: the claim is true < without < shuffled."""

    true_curve: float
    without: float
    shuffled: float


def adapted_loss(model: Decoder, adapter: Adapter, batch: Batch) -> Tensor:
    """Mean cross-entropy in nats with the residuals of the batch's affect (eq. 7)."""
    logits = model(batch.inputs, batch.positions, batch.styles, adapter(batch.affect))
    return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())


@torch.inference_mode()
def verdict(model: Decoder, adapter: Adapter, batches: list[Batch]) -> Verdict:
    """Losses with the curve that belongs to the notes, with none, and with another piece's curve."""

    def mean(losses: list[float]) -> float:
        return bits(sum(losses) / len(losses))

    # Half the batch away is another piece: neighbouring rows may be one piece's halves.
    shuffled = [replace(b, affect=b.affect.roll(len(b.affect) // 2, dims=0)) for b in batches]
    return Verdict(
        mean([adapted_loss(model, adapter, b).item() for b in batches]),
        mean([base_loss(model, b).item() for b in batches]),
        mean([adapted_loss(model, adapter, b).item() for b in shuffled]),
    )


def train_adapter(
    model: Decoder,
    pieces: Dataset,
    run: Path,
    steps: int,
    seed: int,
    peak: float = 2e-3,
    workers: int = 2,
    config: AdapterConfig | None = None,
) -> tuple[Adapter, Verdict]:
    """Train (or go on training) φ and γ in the folder `run` until `steps` are done; `model` stays."""
    model.requires_grad_(False).eval()
    torch.manual_seed(seed)
    adapter = Adapter(config or AdapterConfig(), model.config)
    optimizer = torch.optim.AdamW(adapter.parameters(), lr=0.0, betas=(0.9, 0.98), weight_decay=0.0)
    gradients = Gradients(list(adapter.parameters()), workers)
    judged = held_out_batches(pieces.held_out, training.BATCH_ROWS, training.BATCH_TOKENS)

    def backward(step: int) -> float:
        batch = training_batch(pieces.train, training.BATCH_ROWS, training.BATCH_TOKENS, seed, step)
        return gradients.backward(lambda part: adapted_loss(model, adapter, part), parts_of(batch, workers))

    training.train(
        adapter,
        optimizer,
        run,
        Schedule(steps, peak, warmup=50),
        steps,
        backward,
        lambda: verdict(model, adapter, judged)._asdict(),
    )
    return adapter, verdict(model, adapter, judged)
