"""What the sensor refuses. Bad pictures are not among it: those only lower the confidence."""

from __future__ import annotations

from pathlib import Path


class SensorError(Exception):
    """Root of everything `sensor` raises on purpose."""


class WeightsError(SensorError):
    """A weight file or model card is missing, truncated or not the one that belongs here."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}")
        self.path = path
        self.expected = expected


class DataError(SensorError):
    """Training or sensing was pointed at files that are not there or cannot be read."""
