"""Choosing tokens from logits: guidance, top-k, temperature, and dice that need no memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from composer.musicgen.geometry import Manner

Logits = npt.NDArray[np.float32]
Tokens = npt.NDArray[np.int64]


def guided(conditional: Logits, unconditional: Logits, guidance: float) -> Logits:
    """Classifier-free guidance (Ho & Salimans 2022): away from what would be said to no text at all."""
    return np.asarray(unconditional + (conditional - unconditional) * np.float32(guidance))


def choose(logits: Logits, manner: Manner, seed: int, step: int) -> Tokens:
    """A token per codebook from logits (K, V): int64 (K,).

    The dice are a counter (Philox) keyed by `seed` and set to `step`: the same question, the same answer, so
    a resumed piece needs no generator's state.
    """
    if manner.top_k == 1:
        return np.asarray(logits.argmax(axis=-1), dtype=np.int64)
    scores = logits / np.float32(manner.temperature)
    k = min(manner.top_k, scores.shape[-1])
    best = np.argpartition(scores, -k, axis=-1)[:, -k:]
    best.sort(axis=-1)  # partition leaves no order to rely on
    kept = np.take_along_axis(scores, best, axis=-1).astype(np.float64)
    odds = np.exp(kept - kept.max(axis=-1, keepdims=True))
    heights = np.cumsum(odds, axis=-1)
    dice = np.random.Generator(np.random.Philox(key=seed & (1 << 64) - 1, counter=step)).random(len(logits))
    index = (heights < dice[:, None] * heights[:, -1:]).sum(axis=-1)
    return np.asarray(np.take_along_axis(best, index[:, None], axis=-1)[:, 0], dtype=np.int64)
