"""The affective adapter: a curve of valence and arousal becomes a residual per token and block.

`C = F_φ(E)` is eq. 5 of NarraScore, made causal: the curve, sampled at each token's time, passes through
dilated convolutions that see only the past, LeakyReLU, and a linear layer. Block l then adds γ_l · C_t
(eq. 6). Every γ_l starts at 0, so an untrained adapter is exactly the base model. φ and γ alone are trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.config import AdapterConfig, ModelConfig


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
