"""audiocraft's LMModel as a stepper: the same loop, lanes and affect as our own backends.

Its cache grows with each step and all rows of a batch stand at the same position. So each lane is a batch
of its own (with guidance, the text's row and the unconditional one): its streaming state is put in before its
step, and taken out after. A lane begins again by being fed position 0; between, positions follow one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from composer.errors import ComposerError
from composer.musicgen.geometry import Geometry
from composer.musicgen.stepper import Array, TextMemory, WeightedText
from composer.musicgen.windows import LANES

DESCRIPTION = "description"
"""audiocraft's name for the text."""


def geometry_of(model: Any) -> Geometry:
    """The sizes of an LMModel."""
    layers = model.transformer.layers
    return Geometry(
        layers=len(layers),
        width=model.dim,
        heads=layers[0].self_attn.num_heads,
        feed_forward=layers[0].linear1.out_features,
        codebooks=model.n_q,
        vocabulary=model.card,
    )


class AudiocraftStepper:
    """See `composer.musicgen.stepper.Stepper`. The model is put into streaming for good."""

    def __init__(self, model: Any, rows: int, capacity: int) -> None:
        self.rows, self.capacity = rows, capacity
        self._model, self._geometry = model, geometry_of(model)
        model.eval().requires_grad_(False)
        model._set_streaming(True)
        self._states: list[dict[str, torch.Tensor]] = [{} for _ in range(LANES)]
        self._next = [0] * LANES
        self._texts: list[list[WeightedText]] = [[] for _ in range(rows)]
        self._device = next(iter(model.parameters())).device
        self._residuals: torch.Tensor | None = None
        for index, layer in enumerate(model.transformer.layers[: self._geometry.shallow]):
            layer.register_forward_hook(self._adder(index))

    def _adder(self, index: int) -> Any:
        def add(module: Any, given: Any, out: torch.Tensor) -> torch.Tensor | None:
            return None if self._residuals is None else out + self._residuals[index]

        return add

    def remember(self, words: str, states: Array) -> TextMemory:
        """audiocraft projects the text anew at each step: kept are the text's own states, (1, 1, T, D)."""
        kept = np.ascontiguousarray(states[None, None])
        return TextMemory(words, kept, kept)

    def listen(self, row: int, texts: Sequence[WeightedText]) -> None:
        """Raises ComposerError for a mixture, which audiocraft's cross-attention cannot hear."""
        if len(texts) > 1:
            raise ComposerError("audiocraft hears one text at a time.")
        self._texts[row] = list(texts)

    def _heard(self, rows: Sequence[int]) -> dict[str, Any]:
        """Conditions of a batch. No text is zeros, as long as the other row's text, as audiocraft pads."""
        states = [self._texts[row][0].memory.keys[0, 0] if self._texts[row] else None for row in rows]
        known = [state for state in states if state is not None]
        longest = max((len(state) for state in known), default=1)
        width = known[0].shape[1] if known else self._geometry.width
        batch = torch.zeros((len(rows), longest, width), device=self._device)
        mask = torch.zeros((len(rows), longest), dtype=torch.long, device=self._device)
        for index, state in enumerate(states):
            if state is not None:
                batch[index, : len(state)] = torch.from_numpy(state).to(self._device)
                mask[index, : len(state)] = 1
        return {DESCRIPTION: (batch, mask)}

    @torch.inference_mode()
    def step(
        self, tokens: npt.NDArray[np.int64], positions: npt.NDArray[np.int64], residuals: Array | None
    ) -> Array:
        logits = np.empty((self.rows, self._geometry.codebooks, self._geometry.vocabulary), np.float32)
        self._residuals = None if residuals is None else torch.from_numpy(residuals).to(self._device)
        for lane in range(LANES):
            rows = list(range(lane, self.rows, LANES))
            position = int(positions[lane])
            assert position < self.capacity
            # A replay enters the older lane in the middle: what that holds is not used again before a new 0.
            known = position == self._next[lane] and position > 0
            self._model.set_streaming_state(self._states[lane] if known else {})
            fed = torch.from_numpy(tokens[rows][:, :, None]).to(self._device)  # (B, K, 1)
            out = self._model(fed, conditions=[], condition_tensors=self._heard(rows))  # (B, K, 1, V)
            self._states[lane] = self._model.get_streaming_state()
            self._next[lane] = position + 1
            logits[rows] = out[:, :, 0].float().cpu().numpy()
        return logits
