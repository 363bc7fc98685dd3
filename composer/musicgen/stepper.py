"""What the decoding loop asks of a backend: one step of the decoder for a few ragged rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from composer.musicgen.geometry import Geometry

Array = npt.NDArray[np.float32]
Arrays = Mapping[str, Array]
"""The decoder's weights, named as in `MusicgenForCausalLM.state_dict()`."""


class TextMemory(NamedTuple):
    """A text as cross-attention sees it: keys and values, each (layers, heads, tokens, head_width)."""

    words: str
    keys: Array
    values: Array


class WeightedText(NamedTuple):
    """A text's part in a mixture; weights are positive and their sum is 1."""

    memory: TextMemory
    weight: float


class Stepper(Protocol):
    """One decoder with its caches in place. One thread owns it.

    Row r keeps `capacity` positions of keys and values. Feeding position p makes what was there, and later,
    void: so a row begins again by being fed position 0.
    """

    rows: int
    capacity: int

    def remember(self, words: str, states: Array) -> TextMemory:
        """Keys and values of a text, from its projected encoder states (tokens, width)."""
        ...

    def listen(self, row: int, texts: Sequence[WeightedText]) -> None:
        """What row attends to from the next step on. No texts: the unconditional row.

        A mixture is one softmax over the tokens of all its texts with log weight added to each score: weight
        1 is that text alone, exactly, and the rest is continuous.
        """
        ...

    def step(
        self, tokens: npt.NDArray[np.int64], positions: npt.NDArray[np.int64], residuals: Array | None
    ) -> Array:
        """Tokens (rows, K) at positions (rows,); logits (rows, K, V), valid until the next step.

        `residuals` (shallow, width) is added to the stream after each shallow block, in every row.
        """
        ...


def positions_table(length: int, width: int) -> Array:
    """MusicGen's sinusoids, (length, width): all cosines, then all sines (tensor2tensor's order)."""
    half = width // 2
    # In float32 throughout, as the model was trained: the last bits of the angle matter at high positions.
    rate = np.exp(np.arange(half, dtype=np.float32) * np.float32(-np.log(10_000.0) / (half - 1)))
    angle = np.arange(length, dtype=np.float32)[:, None] * rate
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def host_weights(decoder: Arrays, geometry: Geometry) -> dict[str, Array]:
    """What a processor's backends do outside the step: look up embeddings, project the texts."""
    prefix = "model.decoder."
    tables = [decoder[f"{prefix}embed_tokens.{k}.weight"] for k in range(geometry.codebooks)]
    kept = {"embeddings": np.stack(tables)}
    for part in ("k", "v"):
        name = f"encoder_attn.{part}_proj.weight"
        kept[f"text_{part}"] = np.stack(
            [decoder[f"{prefix}layers.{i}.{name}"] for i in range(geometry.layers)]
        )
    return kept


def text_memory(words: str, states: Array, host: Arrays, geometry: Geometry) -> TextMemory:
    """`Stepper.remember` from `host_weights`."""

    def heads(projections: Array) -> Array:
        rows = np.stack([states @ weight.T for weight in projections])
        shape = geometry.layers, len(states), geometry.heads, geometry.head_width
        return np.ascontiguousarray(rows.reshape(shape).transpose(0, 2, 1, 3))

    return TextMemory(words, heads(host["text_k"]), heads(host["text_v"]))
