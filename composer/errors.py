"""What can go wrong in the composer, as errors a caller can act on."""

from __future__ import annotations


class ComposerError(Exception):
    """Root of every error the composer package raises on purpose."""


class CorpusError(ComposerError):
    """A score or the folder of scores cannot be used for training."""


class WeightsError(ComposerError):
    """A weight file or its model card is missing, truncated, or made for another model."""


class AnchorError(ComposerError):
    """An anchor cannot be read: empty, too long, or not text."""
