"""The affective adapter: a curve of valence and arousal becomes a residual per token and block.

`C = F_φ(E)` is eq. 5 of NarraScore, made causal: the curve, sampled at each token's time, passes through
dilated convolutions that see only the past, LeakyReLU, and a linear layer. Block l then adds γ_l · C_t
(eq. 6). Every γ_l starts at 0, so an untrained adapter is exactly the base model. φ and γ alone are trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.model import ModelConfig


@dataclass(frozen=True)
class AdapterConfig:
    """Sizes of F_φ. The convolutions see 1 + (kernel - 1) * sum(dilations) tokens: 15 by default."""

    width: int = 128
    kernel: int = 3
    dilations: tuple[int, ...] = (1, 2, 4)

    @property
    def reach(self) -> int:
        """Past tokens needed beside the present one."""
        return (self.kernel - 1) * sum(self.dilations)


class Adapter(nn.Module):
    """Affect per token (B, T, 2) to residuals γ_l · C, each (B, T, D)."""

    def __init__(self, config: AdapterConfig, model: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.lift = nn.Linear(2, config.width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.width, config.width, config.kernel, dilation=d) for d in config.dilations
        )
        self.linear = nn.Linear(config.width, model.width)
        self.gamma = nn.Parameter(torch.zeros(model.shallow))

    def curve(self, affect: Tensor) -> Tensor:
        """C, (B, T, D), from affect (B, T, 2). The past before the first token is its own value held."""
        x = self.lift(affect).transpose(1, 2)
        for convolution in self.convolutions:
            assert isinstance(convolution, nn.Conv1d)
            pad = (self.config.kernel - 1) * convolution.dilation[0]
            x = x + F.leaky_relu(convolution(F.pad(x, (pad, 0), mode="replicate")), 0.1)
        return torch.as_tensor(self.linear(x.transpose(1, 2)))

    def forward(self, affect: Tensor) -> tuple[Tensor, ...]:
        """One residual per shallow block."""
        c = self.curve(affect)
        return tuple(gamma * c for gamma in self.gamma)


class AdapterStream:
    """The adapter fed one token at a time: keeps the affect of the last `reach` tokens, no more.

    Equal to `Adapter.forward` over the whole stream. The convolutions are replayed over that short past
    (15 positions): cheaper to trust than a ring per layer, and 0.1 ms.
    """

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.past: list[tuple[float, float]] = []

    @torch.inference_mode()
    def step(self, valence: float, arousal: float) -> tuple[Tensor, ...]:
        """Residuals for the next token, each (1, 1, D)."""
        self.past = [*self.past, (valence, arousal)][-(self._adapter.config.reach + 1) :]
        residuals = self._adapter(torch.tensor([self.past], dtype=torch.float32))
        return tuple(r[:, -1:] for r in residuals)
