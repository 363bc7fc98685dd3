"""How far each channel of the keys and values reaches, measured on the model's own music: caches in 8 bits.

At 500 positions the caches are read as slowly as a quarter of the weights, so they are kept in 8 bits, with a
scale per channel that must be known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from composer.musicgen import sampling
from composer.musicgen.geometry import Geometry, Manner
from composer.musicgen.stepper import Array, Stepper, WeightedText

HEADROOM = 1.5
"""Beyond what was seen: music that was not heard while measuring. What reaches further is clipped, which
costs more than the coarser scale does."""

TextStates = Callable[[], Sequence[Array]]
"""Projected encoder states (tokens, width) of a few texts to measure under."""


class Spans(NamedTuple):
    """The largest magnitudes seen, each (layers, heads, head_width)."""

    keys: Array
    values: Array


class Cached(Stepper, Protocol):
    """A stepper that shows its caches."""

    def caches(self) -> tuple[Sequence[Array], Sequence[Array]]:
        """Keys and values, per layer (rows, heads, capacity, head_width): the memory itself."""
        ...


def measure(stepper: Cached, geometry: Geometry, texts: Sequence[Array], steps: int) -> Spans:
    """Play `steps` steps in every row, a text or none in each, and look at what was kept."""
    memories = [stepper.remember(str(index), states) for index, states in enumerate(texts)]
    heard = [[WeightedText(memory, 1.0)] for memory in memories] + [[]]
    for row in range(stepper.rows):
        stepper.listen(row, heard[row % len(heard)])
    steps = min(steps, stepper.capacity)
    tokens = np.full((stepper.rows, geometry.codebooks), geometry.begin_token, dtype=np.int64)
    for step in range(steps):
        logits = stepper.step(tokens, np.full(stepper.rows, step, dtype=np.int64), None)
        for row in range(stepper.rows):
            chosen = sampling.choose(logits[row], Manner(), row, step)
            # Codebook k joins k steps later: the delay pattern.
            tokens[row, : step + 1] = chosen[: step + 1]
    found = []
    for kind in stepper.caches():
        reach = [np.abs(cache[:, :, :steps]).max(axis=(0, 2)) for cache in kind]
        found.append(np.stack(reach).astype(np.float32))
    return Spans(*found)


def scale(span: Array) -> Array:
    """What one step of 8 bits stands for, per channel."""
    return np.asarray(np.maximum(span * HEADROOM, 1e-6) / 127.0, dtype=np.float32)
