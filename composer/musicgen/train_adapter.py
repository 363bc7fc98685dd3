"""The affective adapter of MusicGen: base frozen, cross-entropy on EnCodec tokens (NarraScore eq. 5 to 7).

A batch is a function of (seed, step), so a run that was stopped goes on as if it had not been. The text is
left out: what the adapter learns has to hold beside any anchor.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.adapter import Adapter
from composer.config import AdapterConfig
from composer.errors import CorpusError
from composer.musicgen import adapter_files, clips, loading
from composer.musicgen.clips import Clip
from composer.musicgen.geometry import Geometry
from composer.musicgen.loading import Options
from composer.training import Checkpoint, Schedule

log = logging.getLogger(__name__)

LOG_EVERY, SAVE_EVERY = 10, 50
CROP = 500
"""Tokens of a clip in a batch: as many as a window has when the adapter is played."""


class Verdict(NamedTuple):
    """Nats per token on held-out clips: the claim is true < without < shuffled."""

    true_curve: float
    without: float
    shuffled: float


class Batch(NamedTuple):
    """Inputs and targets (B, K, T), targets -100 where there is none; affect (B, T, 2) of each step."""

    inputs: Tensor
    targets: Tensor
    affect: Tensor


def batch_of(chosen: Sequence[tuple[Clip, int]], length: int, geometry: Geometry) -> Batch:
    """Stretches of clips from a frame on, in the delay pattern."""
    shape = (len(chosen), geometry.codebooks, length)
    inputs = np.full(shape, geometry.begin_token, dtype=np.int64)
    targets = np.full(shape, -100, dtype=np.int64)
    affect = np.zeros((len(chosen), length, 2), dtype=np.float32)
    for row, (clip, start) in enumerate(chosen):
        codes = clip.codes[start : start + length]
        for k in range(geometry.codebooks):
            targets[row, k, k:] = codes[: length - k, k]
            inputs[row, k, k + 1 :] = codes[: length - k - 1, k]
        affect[row] = clip.affect[start : start + length]
    return Batch(*(torch.from_numpy(array) for array in (inputs, targets, affect)))


def loss_of(decoder: Any, adapter: Adapter | None, batch: Batch) -> Tensor:
    """Mean cross-entropy in nats over all codebooks."""
    rows, books, length = batch.inputs.shape
    residuals = adapter(batch.affect) if adapter is not None else ()
    layers = decoder.model.decoder.layers

    def add(residual: Tensor) -> Any:
        # In transformers 5 a decoder layer's output is the tensor itself.
        return lambda module, inputs, output: output + residual

    hooks = [
        layer.register_forward_hook(add(residual)) for layer, residual in zip(layers, residuals, strict=False)
    ]
    try:
        nothing = torch.zeros(rows, 1, decoder.config.hidden_size, device=batch.inputs.device)
        logits = decoder(
            input_ids=batch.inputs.reshape(rows * books, length),
            encoder_hidden_states=nothing,
            use_cache=False,
        ).logits
    finally:
        for hook in hooks:
            hook.remove()
    return F.cross_entropy(logits.flatten(0, 1), batch.targets.reshape(-1), ignore_index=-100)


class Trainer:
    """One resumable training in `run`."""

    def __init__(
        self,
        decoder: Any,
        geometry: Geometry,
        corpus: Sequence[Clip],
        run: Path,
        seed: int,
        rows: int = 4,
        config: AdapterConfig = adapter_files.SIZES,
    ) -> None:
        """The last tenth of the recordings is held out. Raises CorpusError when there are too few."""
        songs = sorted({clip.song for clip in corpus})
        if len(songs) < 2:
            raise CorpusError("At least two recordings are needed: one is held out.")
        held = set(songs[-max(1, len(songs) // 10) :])
        self._train = [clip for clip in corpus if clip.song not in held]
        self._held = [clip for clip in corpus if clip.song in held]
        self._decoder, self._geometry, self._seed, self._rows = decoder, geometry, seed, rows
        self._device = next(decoder.parameters()).device
        torch.manual_seed(seed)
        self.adapter = Adapter(config, adapter_files.base_of(geometry)).to(self._device)
        self._optimizer = torch.optim.AdamW(self.adapter.parameters(), betas=(0.9, 0.98), weight_decay=0.0)
        self._checkpoint = Checkpoint(run)
        self._length = min(CROP, min(len(clip.codes) for clip in corpus))

    def train(self, steps: int, peak: float = 1e-3) -> list[float]:
        """Go on until `steps` are done; the losses in nats of the steps made now."""
        schedule = Schedule(steps, peak, warmup=min(50, max(1, steps // 10)))
        done = self._checkpoint.resume(self.adapter, self._optimizer)
        losses = []
        for step in range(done, steps):
            for group in self._optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            loss = loss_of(self._decoder, self.adapter, self._batch(step))
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.adapter.parameters(), 1.0)
            self._optimizer.step()
            losses.append(loss.item())
            now = step + 1
            if now % LOG_EVERY == 0:
                self._checkpoint.log({"step": now, "nats": losses[-1]})
                log.info("step %d of %d: %.3f nats", now, steps, losses[-1])
            if now % SAVE_EVERY == 0 or now == steps:
                self._checkpoint.save(now, self.adapter, self._optimizer)
        return losses

    @torch.no_grad()
    def verdict(self) -> Verdict:
        """Held-out losses with the clip's own curve, with none, and with another moment's."""
        sums = np.zeros(3)
        for clip in self._held:
            batch = self._moved(batch_of([(clip, 0)], self._length, self._geometry))
            turned = batch._replace(affect=-batch.affect.flip(1))
            for at, (adapter, one) in enumerate(
                ((self.adapter, batch), (None, batch), (self.adapter, turned))
            ):
                sums[at] += loss_of(self._decoder, adapter, one).item()
        return Verdict(*(sums / len(self._held)).tolist())

    def _batch(self, step: int) -> Batch:
        rng = np.random.default_rng((self._seed, step))
        chosen = []
        for index in rng.integers(0, len(self._train), self._rows):
            clip = self._train[index]
            chosen.append((clip, int(rng.integers(0, len(clip.codes) - self._length + 1))))
        return self._moved(batch_of(chosen, self._length, self._geometry))

    def _moved(self, batch: Batch) -> Batch:
        return Batch(*(tensor.to(self._device) for tensor in batch))


def train_adapter(
    base: Options,
    audio: Path,
    labels: Path | None,
    run: Path,
    out: Path,
    steps: int,
    seed: int,
    rows: int = 4,
) -> Verdict:
    """Train on the recordings in `audio` and write the adapter to `out`.

    Raises WeightsError or CorpusError with a sentence for the user.
    """
    checkpoint = loading.find(base)
    model = loading.load_model(checkpoint)
    geometry = loading.geometry_of(model)
    corpus = clips.build(audio, labels, model.audio_encoder, run / "tokens")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(model.decoder.to(device), geometry, corpus, run / "adapter", seed, rows)
    trainer.train(steps)
    verdict = trainer.verdict()
    log.info("held out: %s", verdict)
    arrays = {name: value.cpu().numpy() for name, value in trainer.adapter.state_dict().items()}
    facts = {
        "base": checkpoint.name,
        "labels": "table" if labels is not None else "computed (composer/musicgen/audio_labels.py)",
        "training": {"steps": steps, "rows": rows, "seed": seed, "clips": len(corpus)},
        "held_out_nats_per_token": {name: round(v, 4) for name, v in verdict._asdict().items()},
    }
    adapter_files.write(out, arrays, trainer.adapter.config, checkpoint.digest, facts)
    return verdict
