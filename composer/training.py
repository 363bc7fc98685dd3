"""What both trainings share: batches from a seed, a schedule, checkpoints that resume exactly, a log.

A batch is a function of (seed, step) alone, so a run that was stopped goes on as if it had not been.
Checkpoints are safetensors and JSON; nothing is pickled.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from composer import tokens
from composer.dataset import Split

BATCH_ROWS = 8
BATCH_TOKENS = 512
LOG_EVERY = 20
SAVE_EVERY = 200

_TRANSPOSE = torch.from_numpy(tokens.transpositions())


@dataclass(frozen=True)
class Schedule:
    """Warm-up, plateau, then linear decay to zero over the last `decay` share of the steps."""

    steps: int
    peak: float
    warmup: int = 100
    decay: float = 0.4

    def rate(self, step: int) -> float:
        start = self.steps * (1.0 - self.decay)
        falling = (self.steps - step) / max(self.steps - start, 1.0)
        return self.peak * min(1.0, (step + 1) / self.warmup, max(falling, 0.0))


@dataclass(frozen=True)
class Batch:
    """Inputs (B, T), targets (B, T), positions (B, T), styles (B, T, S), affect (B, T, 2).

    `affect` at t belongs to the *target* at t: it is the affect commanded for the token being chosen.
    """

    inputs: Tensor
    targets: Tensor
    positions: Tensor
    styles: Tensor
    affect: Tensor


def window(
    split: Split, starts: np.ndarray[tuple[int], np.dtype[np.int64]], length: int, shifts: Tensor
) -> Batch:
    """Cut stretches of `length` tokens at `starts` and transpose row r by `shifts[r]` - 5 semitones."""
    index = starts[:, None] + np.arange(length + 1)
    rows = _TRANSPOSE[shifts[:, None], torch.from_numpy(split.tokens[index])]
    return Batch(
        rows[:, :-1],
        rows[:, 1:],
        torch.from_numpy(split.positions[index[:, :-1]]),
        torch.from_numpy(split.styles[index[:, 1:]]),
        torch.from_numpy(split.affect[index[:, 1:]]),
    )


def training_batch(split: Split, size: int, length: int, seed: int, step: int) -> Batch:
    """Random stretches, randomly transposed -5..+6. The same for the same (seed, step)."""
    rng = np.random.default_rng((seed, step))
    starts = rng.integers(0, len(split.tokens) - length - 1, size)
    return window(split, starts, length, torch.from_numpy(rng.integers(0, 12, size)))


def parts_of(batch: Batch, count: int) -> list[Batch]:
    """The batch in `count` parts of equal size."""
    columns = (getattr(batch, field.name).chunk(count) for field in fields(batch))
    return [Batch(*part) for part in zip(*columns, strict=True)]


def held_out_batches(split: Split, size: int, length: int, rows: int = 192) -> list[Batch]:
    """Stretches spread evenly over the held-out pieces, as written (not transposed)."""
    starts = np.linspace(0, len(split.tokens) - length - 2, rows).astype(np.int64)
    return [
        window(split, starts[i : i + size], length, torch.full((len(starts[i : i + size]),), 5))
        for i in range(0, rows, size)
    ]


def bits(loss_nats: float) -> float:
    return loss_nats / math.log(2.0)


def multiplies_bfloat16() -> bool:
    """Whether this processor has units for bfloat16. Without them it is some 80 times slower than float32."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


class Gradients:
    """Gradients of a mean loss, one thread per part of the batch.

    On few cores this beats splitting each matrix product: the threads meet once a step, not once an
    operation. The parts are summed in order, so the result does not depend on timing.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], workers: int) -> None:
        self._parameters = [p for p in parameters if p.requires_grad]
        self._pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))

    def backward(self, loss_of: Callable[[Batch], Tensor], parts: Sequence[Batch]) -> float:
        """Leave the mean gradient over `parts` in each parameter's `.grad`; the mean loss in nats."""

        def one(part: Batch) -> tuple[float, tuple[Tensor, ...]]:
            # A thread's own context: what another thread entered does not hold here.
            with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bfloat16()):
                loss = loss_of(part)
            return loss.item(), torch.autograd.grad(loss, self._parameters)

        results = list(self._pool.map(one, parts))
        for parameter, *grads in zip(self._parameters, *(g for _, g in results), strict=True):
            parameter.grad = torch.stack(grads).mean(dim=0)
        return sum(loss for loss, _ in results) / len(results)


class Checkpoint:
    """One resumable training on disk: `folder/state.safetensors` and `folder/log.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "state.safetensors"
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, step: int, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Atomic: a run killed while saving keeps the checkpoint before."""
        state: dict[str, Tensor] = {f"model.{k}": v for k, v in module.state_dict().items()}
        for key, slots in optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{key}.{name}": torch.as_tensor(value) for name, value in slots.items()}
        state["step"] = torch.tensor(step)
        part = self._path.with_suffix(".part")
        save_file(state, part)
        part.replace(self._path)

    def resume(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Load into `module` and `optimizer`; the step to go on from (0 where nothing was saved)."""
        if not self._path.is_file():
            return 0
        state = load_file(self._path)
        module.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                slots.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
        return int(state["step"])

    def log(self, row: Mapping[str, float]) -> None:
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")


def train(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    run: Path,
    schedule: Schedule,
    steps: int,
    backward: Callable[[int], float],
    judge: Callable[[], Mapping[str, float]],
) -> None:
    """Train `module`, or go on training it, in the folder `run` until `steps` are done.

    `backward(step)` leaves gradients in the module's parameters and returns the loss in nats; `judge()`
    measures on held-out pieces. Both are logged; the checkpoint is kept every `SAVE_EVERY` steps.
    """
    checkpoint = Checkpoint(run)
    done = checkpoint.resume(module, optimizer)
    trained = [p for p in module.parameters() if p.requires_grad]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("training", total=steps, completed=done)
        began = time.monotonic()
        for step in range(done, steps):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            loss = backward(step)
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            now = step + 1
            if now % LOG_EVERY == 0:
                rate = (now - done) * BATCH_ROWS * BATCH_TOKENS / (time.monotonic() - began)
                progress.update(task, completed=now, description=f"{bits(loss):.3f} bits")
                checkpoint.log({"step": now, "bits": bits(loss), "tokens_per_s": round(rate)})
            if now % SAVE_EVERY == 0 or now == steps:
                checkpoint.save(now, module, optimizer)
                checkpoint.log({"step": now, **judge()})
