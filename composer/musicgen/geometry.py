"""Sizes of a MusicGen decoder and how it is played: free of any framework."""

from __future__ import annotations

import math
from dataclasses import dataclass

FRAME_RATE_HZ = 50
"""EnCodec frames, and so decoding steps, a second."""
CODEC_RATE_HZ = 32_000
HOP = CODEC_RATE_HZ // FRAME_RATE_HZ
FRAME_SAMPLES = 960
"""One frame at 48 kHz."""


@dataclass(frozen=True)
class Geometry:
    """Sizes of the decoder. The defaults are MusicGen-small's."""

    layers: int = 24
    width: int = 1024
    heads: int = 16
    feed_forward: int = 4096
    codebooks: int = 4
    vocabulary: int = 2048

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def begin_token(self) -> int:
        """What stands where a codebook has no token yet."""
        return self.vocabulary

    @property
    def shallow(self) -> int:
        """Blocks that take the affect residual: the first 75 % (NarraScore 3.5)."""
        return math.ceil(0.75 * self.layers)


@dataclass(frozen=True)
class Manner:
    """How tokens are chosen. Guidance of 1 is none and halves the rows; `top_k` of 1 is greedy."""

    guidance: float = 3.0
    top_k: int = 250
    temperature: float = 1.0

    @property
    def guided(self) -> bool:
        return self.guidance > 1.0
