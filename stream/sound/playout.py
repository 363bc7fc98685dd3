"""From the ring to what is heard: exactly one block each time, faded where the music stops and starts."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Block

PLAYOUT_SAMPLES = 960
"""20 ms: one Opus frame."""
FADE_SAMPLES = 240
"""5 ms: how an underrun begins and ends."""
GAIN_RAMP_S = 0.08
"""Silence to full volume, or back."""


class Source(Protocol):
    """The reading half of an `AudioRing`."""

    @property
    def available(self) -> int: ...

    @property
    def read_so_far(self) -> int: ...

    def read(self, count: int) -> Block: ...


class Playout:
    """Takes `PLAYOUT_SAMPLES` at a time from `source` and never waits for it. Not thread-safe.

    A block is only played whole if `FADE_SAMPLES` more are in the ring; so when the ring runs dry there is
    always something left to fade out.
    """

    def __init__(self, source: Source, refill_samples: int) -> None:
        """After an underrun, music starts again once `refill_samples` are there."""
        self._source = source
        self.refill_samples = refill_samples
        self._flowing = False
        self._gain = 0.0
        self.target_gain = 1.0
        self.duck_gain = 1.0
        """A second gain, reached within one block: whoever sets it sees to its smoothness."""
        self._ducked = 1.0
        self.at_once = False
        """Whether the next block shall reach `target_gain`, however far that is."""
        self.underruns = 0
        self.played_samples = 0
        self.started = False

    @property
    def state(self) -> str:
        """starting, playing, fading or silent."""
        if not self.started:
            return "starting"
        if self._gain != self.target_gain:
            return "fading"
        return "playing" if self._flowing and self._gain > 0 else "silent"

    @property
    def silent(self) -> bool:
        """Whether everything has been faded out."""
        return self._gain == 0.0 or not self._flowing

    def next_block(self) -> tuple[Block, int]:
        """The next block, and the ring index of its first sample (that of the next one if it is silence)."""
        index = self._source.read_so_far
        available = self._source.available
        if self._flowing and available >= PLAYOUT_SAMPLES + FADE_SAMPLES:
            block = self._source.read(PLAYOUT_SAMPLES)
        elif self._flowing:
            block = self._last_of(available)
        elif available >= max(self.refill_samples, PLAYOUT_SAMPLES + FADE_SAMPLES):
            block = self._source.read(PLAYOUT_SAMPLES)
            block[:FADE_SAMPLES] *= _RISE
            self._flowing = self.started = True
        else:
            block = np.zeros((PLAYOUT_SAMPLES, CHANNELS), np.float32)
        if self._flowing:
            self.played_samples += PLAYOUT_SAMPLES
        if not math.isfinite(np.vdot(block, block)):  # one value that is not a number, and this is none
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return self._amplified(block), index

    def _last_of(self, available: int) -> Block:
        """What is left in the ring, faded out: an underrun, unless the music was made to end in silence."""
        self._flowing = False
        block = np.zeros((PLAYOUT_SAMPLES, CHANNELS), np.float32)
        rest = self._source.read(available)[:PLAYOUT_SAMPLES]
        if rest.any() or not len(rest):
            self.underruns += 1
        fade = min(FADE_SAMPLES, len(rest))
        if fade:
            rest[-fade:] *= _RISE[::-1][-fade:]
        block[: len(rest)] = rest
        return block

    def _amplified(self, block: Block) -> Block:
        step = 1.0 if self.at_once else PLAYOUT_SAMPLES / (GAIN_RAMP_S * SAMPLE_RATE_HZ)
        self.at_once = False
        gain = self._gain + min(max(self.target_gain - self._gain, -step), step)
        duck = self.duck_gain
        before, after = self._gain * self._ducked, gain * duck
        self._gain, self._ducked = gain, duck
        if before != after:
            block *= np.linspace(before, after, PLAYOUT_SAMPLES, dtype=np.float32)[:, None]
        elif after != 1.0:
            block *= np.float32(after)
        np.minimum(block, 1.0, out=block)
        return np.maximum(block, -1.0, out=block)


# Raised cosine, as a column.
_RISE: Block = (0.5 - 0.5 * np.cos(np.pi * (np.arange(FADE_SAMPLES) + 0.5) / FADE_SAMPLES)).astype(
    np.float32
)[:, None]
