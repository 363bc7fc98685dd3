"""The decoder: a small causal transformer over tokens, as it is trained.

Attention looks back over a window of `window` tokens in training and in playing alike, so a ring of keys
and values of that size is no approximation: `composer.decoding` plays it, token for token, for ever.
Positions are rotary (Su et al. 2021): only distances matter, so the piece has no end.

The style (the anchor's half that the model knows) is an embedding added to every token: it never scrolls
out of the window, which is what "held fixed" means here. Affect enters as a residual `C_t` from
`composer.adapter`, added in the shallow blocks (NarraScore eq. 6).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.config import ModelConfig


class Block(nn.Module):
    """Pre-norm attention and feed-forward. Shapes (B, T, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm_1 = nn.LayerNorm(config.width, bias=False)
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.norm_2 = nn.LayerNorm(config.width, bias=False)
        self.up = nn.Linear(config.width, 4 * config.width, bias=False)
        self.down = nn.Linear(4 * config.width, config.width, bias=False)

    def project(self, h: Tensor, turns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q, k, v, each (B, heads, T, D/heads), with q and k rotated by `turns` (T, D/heads/2)."""
        batch, length, width = h.shape
        qkv = self.qkv(self.norm_1(h)).view(batch, length, 3, self.heads, width // self.heads)
        q, k = rotate(qkv[:, :, :2], turns[:, None, None]).permute(2, 0, 3, 1, 4)
        return q, k, qkv[:, :, 2].transpose(1, 2)

    def finish(self, h: Tensor, attended: Tensor) -> Tensor:
        """Add attention's output (B, heads, T, D/heads) and the feed-forward to the residual stream."""
        heard: Tensor = h + self.out(attended.transpose(1, 2).flatten(2))
        fed: Tensor = self.down(F.gelu(self.up(self.norm_2(heard))))
        return heard + fed


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Rotary positions on the last axis, pair by pair, as one complex product."""
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2)


def turns_at(positions: Tensor, head_width: int) -> Tensor:
    """exp(i θ), complex64 (T, head_width / 2), reckoned in float64 so that a week of tokens stays exact."""
    rate = 10_000.0 ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    phase = positions.to(torch.float64)[:, None] * rate
    return torch.polar(torch.ones_like(phase), phase).to(torch.complex64)


class Decoder(nn.Module):
    """Tokens to logits."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.token = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Embedding(config.bar_steps, config.width)
        self.style = nn.ModuleList(nn.Embedding(size, config.width) for size in config.style_sizes)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                residual = name.endswith(("out.weight", "down.weight"))
                std = 0.02 / math.sqrt(2 * config.layers) if residual else 0.02
                nn.init.normal_(weight, std=std)

    def embed(self, tokens: Tensor, positions: Tensor, styles: Tensor) -> Tensor:
        """(B, T), (B, T), (B, T, S) -> (B, T, D)."""
        h: Tensor = self.token(tokens) + self.position(positions)
        for field, table in enumerate(self.style):
            h = h + table(styles[..., field])
        return h

    def forward(
        self, tokens: Tensor, positions: Tensor, styles: Tensor, residuals: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """Logits (B, T, V) for a whole stretch.

        `residuals` holds γ_l · C, (B, T, D), for each shallow block (eq. 6); None is the bare base model.
        """
        length = tokens.shape[1]
        index = torch.arange(length)
        gap = index[:, None] - index[None, :]
        mask = (gap >= 0) & (gap < self.config.window)
        turns = turns_at(index, self.config.head_width)
        h = self.embed(tokens, positions, styles)
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            q, k, v = block.project(h, turns)
            h = block.finish(h, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
            if residuals is not None and layer < len(residuals):
                h = h + residuals[layer]
        return F.linear(self.norm(h), self.token.weight)
