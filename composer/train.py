"""First stage: the base decoder learns the scores. `narrascore train symbolic`."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional as F

from composer import corpus, dataset
from composer.model import Decoder, ModelConfig
from composer.training import (
    Batch,
    Checkpoint,
    Gradients,
    Schedule,
    bits,
    held_out_batches,
    parts_of,
    training_batch,
)

log = logging.getLogger(__name__)

BATCH_ROWS = 8
BATCH_TOKENS = 512


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
) -> tuple[Decoder, dataset.Dataset, float]:
    """Train (or go on training) in the folder `run` until `steps` are done.

    The learning rate falls to zero at `schedule_steps` (default `steps`): give it to stop a run early and
    resume it later. Returns the model, the data set and its held-out bits per token.
    """
    scores = corpus.load(data, run.parent / "corpus.npz")
    pieces = dataset.build(scores)
    torch.manual_seed(seed)
    model = Decoder(config or ModelConfig())
    optimizer = optimizer_for(model)
    checkpoint = Checkpoint(run)
    done = checkpoint.resume(model, optimizer)
    schedule = Schedule(schedule_steps or steps, peak)
    gradients = Gradients(list(model.parameters()), workers)
    judged = held_out_batches(pieces.held_out, BATCH_ROWS, BATCH_TOKENS)
    log.info("%d training tokens, %d held out", len(pieces.train.tokens), len(pieces.held_out.tokens))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("training", total=steps, completed=done)
        began, since = time.monotonic(), done
        for step in range(done, steps):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            batch = training_batch(pieces.train, BATCH_ROWS, BATCH_TOKENS, seed, step)
            loss = gradients.backward(lambda part: base_loss(model, part), parts_of(batch, workers))
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if (step + 1) % 20 == 0:
                rate = (step + 1 - since) * BATCH_ROWS * BATCH_TOKENS / (time.monotonic() - began)
                progress.update(task, completed=step + 1, description=f"{bits(loss):.3f} bits")
                checkpoint.log(step=step + 1, bits=bits(loss), tokens_per_s=round(rate))
            if (step + 1) % 200 == 0 or step + 1 == steps:
                checkpoint.save(step + 1, model, optimizer)
                checkpoint.log(step=step + 1, held_out_bits=held_out_bits(model, judged))
    return model, pieces, held_out_bits(model, judged)
