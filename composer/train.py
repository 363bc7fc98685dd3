"""First stage: the base decoder learns the scores. `narrascore train symbolic`."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from composer import corpus, dataset, training
from composer.config import ModelConfig
from composer.decoding import Arrays
from composer.model import Decoder
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


def base_loss(model: Decoder, batch: Batch) -> Tensor:
    """Mean cross-entropy in nats of the next token."""
    logits = model(batch.inputs, batch.positions, batch.styles)
    return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())


@torch.inference_mode()
def held_out_bits(model: Decoder, batches: list[Batch]) -> float:
    """Mean bits per token on held-out composers."""
    total, count = 0.0, 0
    for batch in batches:
        total += base_loss(model, batch).item() * batch.targets.numel()
        count += batch.targets.numel()
    return bits(total / count)


def optimizer_for(model: torch.nn.Module) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() >= 2 and p.requires_grad]
    vectors = [p for p in model.parameters() if p.dim() < 2 and p.requires_grad]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95))


def train_base(
    data: Path,
    run: Path,
    steps: int,
    seed: int,
    peak: float = 2e-3,
    workers: int = 2,
    schedule_steps: int | None = None,
    config: ModelConfig | None = None,
    begin: Arrays | None = None,
) -> tuple[Decoder, dataset.Dataset, float]:
    """Train (or go on training) in the folder `run` until `steps` are done.

    The learning rate falls to zero at `schedule_steps` (default `steps`): give it to stop a run early and
    resume it later. `begin` are weights to begin with, of a model of the same `config`; then the rate rises
    and falls once more: a warm restart (Loshchilov & Hutter 2017). Returns the model, the data set and its
    held-out bits per token.
    """
    scores = corpus.load(data, run.parent / "corpus.npz")
    pieces = dataset.build(scores)
    torch.manual_seed(seed)
    model = Decoder(config or ModelConfig())
    if begin is not None:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in begin.items()})
    gradients = Gradients(list(model.parameters()), workers)
    judged = held_out_batches(pieces.held_out, training.BATCH_ROWS, training.BATCH_TOKENS)
    log.info("%d training tokens, %d held out", len(pieces.train.tokens), len(pieces.held_out.tokens))

    def backward(step: int) -> float:
        batch = training_batch(pieces.train, training.BATCH_ROWS, training.BATCH_TOKENS, seed, step)
        return gradients.backward(lambda part: base_loss(model, part), parts_of(batch, workers))

    training.train(
        model,
        optimizer_for(model),
        run,
        Schedule(schedule_steps or steps, peak),
        steps,
        backward,
        lambda: {"held_out_bits": held_out_bits(model, judged)},
    )
    return model, pieces, held_out_bits(model, judged)
