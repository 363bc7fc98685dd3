"""Sizes of the decoder and its adapter: free of any framework, so that playing needs none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from composer.tokens import MAX_BAR_STEPS, VOCABULARY


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the decoder. `window` is how many tokens (itself included) each token may look back on."""

    layers: int = 4
    width: int = 256
    heads: int = 4
    window: int = 256
    vocabulary: int = VOCABULARY
    bar_steps: int = MAX_BAR_STEPS
    style_sizes: tuple[int, ...] = (2, 4, 3, 2)

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def shallow(self) -> int:
        """Blocks that take the affect residual: the first 75 %."""
        return math.ceil(0.75 * self.layers)


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
