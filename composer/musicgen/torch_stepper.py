"""The reference backend: the decoder in torch, with a cache of fixed size and CUDA graphs on a GPU.

Everything that changes from step to step is written into tensors that stay where they are, so on a GPU a step
is one graph launch. On a processor the attention reads only as far as the longest row reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from composer.errors import ComposerError
from composer.musicgen.geometry import Geometry
from composer.musicgen.stepper import Array, TextMemory, WeightedText, positions_table

TEXT_TOKENS_ON_GPU = 384
_PREFIX = "model.decoder."


class TorchStepper:
    """See `composer.musicgen.stepper.Stepper`."""

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        geometry: Geometry,
        rows: int,
        capacity: int,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.rows, self.capacity = rows, capacity
        self._geometry = g = geometry
        self._device, self._dtype = torch.device(device), dtype

        def taken(name: str) -> Tensor:
            return weights[name].detach().to(self._device, dtype)

        def block(layer: int, name: str) -> Tensor:
            return taken(f"{_PREFIX}layers.{layer}.{name}.weight")

        layers = range(g.layers)
        self._qkv = [torch.cat([block(i, f"self_attn.{x}_proj") for x in ("q", "k", "v")]) for i in layers]
        self._out = [block(i, "self_attn.out_proj") for i in layers]
        self._text_q = [block(i, "encoder_attn.q_proj") for i in layers]
        self._text_k = [block(i, "encoder_attn.k_proj") for i in layers]
        self._text_v = [block(i, "encoder_attn.v_proj") for i in layers]
        self._text_out = [block(i, "encoder_attn.out_proj") for i in layers]
        self._up, self._down = ([block(i, name) for i in layers] for name in ("fc1", "fc2"))
        self._norms = [
            [
                (block(i, name), taken(f"{_PREFIX}layers.{i}.{name}.bias"))
                for name in ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm")
            ]
            for i in layers
        ]
        self._norm = taken(f"{_PREFIX}layer_norm.weight"), taken(f"{_PREFIX}layer_norm.bias")
        self._embeddings = [taken(f"{_PREFIX}embed_tokens.{k}.weight") for k in range(g.codebooks)]
        self._heads = torch.cat([taken(f"lm_heads.{k}.weight") for k in range(g.codebooks)])
        self._places = torch.from_numpy(positions_table(capacity, g.width)).to(self._device, dtype)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, device=self._device, dtype=dtype)

        self._keys, self._values = (zeros(g.layers, rows, g.heads, capacity, g.head_width) for _ in range(2))
        self._texts: list[list[WeightedText]] = [[] for _ in range(rows)]
        self._text_keys, self._text_values = (zeros(g.layers, rows, g.heads, 1, g.head_width) for _ in "kv")
        self._text_bias = zeros(rows, 1, 1, 1)
        self._stale = True
        self._tokens = torch.zeros((rows, g.codebooks), dtype=torch.long, device=self._device)
        self._positions = torch.zeros(rows, dtype=torch.long, device=self._device)
        self._residuals = zeros(g.shallow, g.width)
        self._every_row = torch.arange(rows, device=self._device)
        self._every_place = torch.arange(capacity, device=self._device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._logits = zeros(rows, g.codebooks, g.vocabulary)

    @torch.inference_mode()
    def remember(self, words: str, states: Array) -> TextMemory:
        g = self._geometry
        x = torch.from_numpy(states).to(self._device, self._dtype)

        def heads(projections: Sequence[Tensor]) -> Array:
            rows = torch.stack([F.linear(x, weight) for weight in projections])
            split = rows.view(g.layers, len(states), g.heads, g.head_width).transpose(1, 2)
            return np.ascontiguousarray(split.float().cpu().numpy())

        return TextMemory(words, heads(self._text_k), heads(self._text_v))

    def listen(self, row: int, texts: Sequence[WeightedText]) -> None:
        self._texts[row] = list(texts)
        self._stale = True

    @torch.inference_mode()
    def step(
        self, tokens: npt.NDArray[np.int64], positions: npt.NDArray[np.int64], residuals: Array | None
    ) -> Array:
        if self._stale:
            self._gather_texts()
        self._tokens.copy_(torch.from_numpy(tokens))
        self._positions.copy_(torch.from_numpy(positions))
        if residuals is None:
            self._residuals.zero_()
        else:
            self._residuals.copy_(torch.from_numpy(residuals))
        if self._device.type == "cuda":
            self._replay()
        else:
            self._forward(int(positions.max()) + 1)
        return np.asarray(self._logits.float().cpu().numpy())

    def _gather_texts(self) -> None:
        g = self._geometry
        longest = max(1, *(sum(t.memory.keys.shape[2] for t in texts) for texts in self._texts))
        if self._device.type == "cuda":
            if longest > TEXT_TOKENS_ON_GPU:
                raise ComposerError(
                    f"The anchor and its variants are {longest} tokens; at most {TEXT_TOKENS_ON_GPU} fit."
                )
            longest = TEXT_TOKENS_ON_GPU
        shape = (g.layers, self.rows, g.heads, longest, g.head_width)
        if self._text_keys.shape != shape:
            self._text_keys, self._text_values = (
                torch.zeros(shape, device=self._device, dtype=self._dtype) for _ in "kv"
            )
            self._text_bias = torch.zeros((self.rows, 1, 1, longest), device=self._device, dtype=self._dtype)
            self._graph = None
        for row, texts in enumerate(self._texts):
            at = 0
            # No text at all is a value of zero wherever one looks, as the model was trained.
            self._text_keys[:, row], self._text_values[:, row] = 0.0, 0.0
            self._text_bias[row] = float("-inf") if texts else 0.0
            for memory, weight in texts:
                end = at + memory.keys.shape[2]
                self._text_keys[:, row, :, at:end] = torch.from_numpy(memory.keys).to(self._text_keys)
                self._text_values[:, row, :, at:end] = torch.from_numpy(memory.values).to(self._text_values)
                self._text_bias[row, :, :, at:end] = float(np.log(weight))
                at = end
        self._stale = False

    def _forward(self, span: int) -> None:
        """One step from the tensors above into `_logits`. Touches nothing outside them."""
        g, rows, heads = self._geometry, self.rows, (self.rows, 1, self._geometry.heads, -1)
        x = self._places[self._positions]
        for book, table in enumerate(self._embeddings):
            x = x + table[self._tokens[:, book]]
        hidden = self._every_place[None, :span] > self._positions[:, None]
        mask = torch.zeros((rows, 1, 1, span), dtype=self._dtype, device=self._device)
        mask.masked_fill_(hidden[:, None, None], float("-inf"))
        for i in range(g.layers):
            norms = self._norms[i]
            qkv = F.linear(F.layer_norm(x, (g.width,), *norms[0]), self._qkv[i])
            q, k, v = qkv.view(rows, 3, g.heads, 1, g.head_width).unbind(1)
            self._keys[i, self._every_row, :, self._positions] = k[:, :, 0]
            self._values[i, self._every_row, :, self._positions] = v[:, :, 0]
            heard = F.scaled_dot_product_attention(
                q, self._keys[i, :, :, :span], self._values[i, :, :, :span], attn_mask=mask
            )
            x = x + F.linear(heard.reshape(rows, g.width), self._out[i])
            asked = F.linear(F.layer_norm(x, (g.width,), *norms[1]), self._text_q[i]).view(heads)
            told = F.scaled_dot_product_attention(
                asked.transpose(1, 2), self._text_keys[i], self._text_values[i], attn_mask=self._text_bias
            )
            x = x + F.linear(told.reshape(rows, g.width), self._text_out[i])
            x = x + F.linear(
                F.gelu(F.linear(F.layer_norm(x, (g.width,), *norms[2]), self._up[i])), self._down[i]
            )
            if i < g.shallow:
                x = x + self._residuals[i]
        logits = F.linear(F.layer_norm(x, (g.width,), *self._norm), self._heads)
        self._logits.copy_(logits.view(rows, g.codebooks, g.vocabulary))

    def _replay(self) -> None:
        """The same step as one CUDA graph, captured at the first call."""
        if self._graph is None:
            side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                self._forward(self.capacity)  # warms the libraries; the same position is written again below
            torch.cuda.current_stream().wait_stream(side)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._forward(self.capacity)
        self._graph.replay()
