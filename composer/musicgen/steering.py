"""Affect as residuals per token: a trained adapter (NarraScore 3.5), or directions found in the model.

Both are streams: affect in, a residual per shallow block out; past affect is all a successor needs.
A trained adapter is `composer.decoding.StepAdapter`, the symbolic composer's own: one method, one code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

SMOOTHING_STEPS = 25
"""Half a second: a command is taken in along half a cosine, not as a step."""


class SteeringStream(Protocol):
    """One piece's affect."""

    def step(self, valence: float, arousal: float) -> Array:
        """Residuals (shallow, width) for the next token."""
        ...

    def replay(self, past: list[tuple[float, float]]) -> None:
        """Stand where a stream stood that was fed `past` last."""
        ...


class Steering(Protocol):
    """What a loaded model offers for steering; streams share it."""

    def begin(self) -> SteeringStream: ...


@dataclass(frozen=True)
class Directions:
    """Contrastive directions: one vector a shallow block and axis, (shallow, width), already scaled.

    `cap` (shallow,) bounds the norm of what both axes add to a block.
    """

    valence: Array
    arousal: Array
    cap: Array

    def begin(self) -> SteeringStream:
        return DirectionStream(self)


class DirectionStream:
    """Affect through a short smooth filter onto the directions."""

    _WEIGHTS = np.sin(np.pi * (np.arange(SMOOTHING_STEPS) + 0.5) / SMOOTHING_STEPS)

    def __init__(self, directions: Directions) -> None:
        self._directions = directions
        self._past: list[tuple[float, float]] = []

    def replay(self, past: list[tuple[float, float]]) -> None:
        self._past = list(past[-SMOOTHING_STEPS:])

    def step(self, valence: float, arousal: float) -> Array:
        past = [*self._past, (valence, arousal)][-SMOOTHING_STEPS:]
        self._past = past
        held = np.array([past[0]] * (SMOOTHING_STEPS - len(past)) + past)
        v, a = self._WEIGHTS @ held / self._WEIGHTS.sum()
        d = self._directions
        residuals = np.float32(v) * d.valence + np.float32(a) * d.arousal
        norm = np.linalg.norm(residuals, axis=1)
        return np.asarray(residuals * np.minimum(1.0, d.cap / np.maximum(norm, 1e-9))[:, None], np.float32)
