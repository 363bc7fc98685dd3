"""How much of the past one window of the model holds."""

from __future__ import annotations

from dataclasses import dataclass

from sensor.errors import SensorError


@dataclass(frozen=True)
class NarrativeConfig:
    """A window's size in frames; at 1 Hz these are seconds. Raises `SensorError` when they do not fit."""

    frames: int = 16
    overlap: int = 8
    """Frames of a full window that begin the next one."""
    longest_gap_s: float = 15.0
    """After a longer silence the story begins anew."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.frames:
            raise SensorError(f"{self.overlap} frames of overlap do not fit into windows of {self.frames}")
