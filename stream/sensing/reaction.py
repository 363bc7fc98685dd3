"""How long the chain takes to answer the picture, measured on what really played.

A composer is a function of its anchor, seed and affect, so the music that *would* have played had the
picture not changed can be rendered afterwards: the same steers, stopped at the change. Where the two part
is the first changed sample; when that sample reached the listener is known from the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream.ports import SAMPLE_RATE_HZ, Block, ComposerFactory

WINDOW_SAMPLES = 480
AUDIBLE = 10 ** (-40 / 20)
"""A change counts from where the difference, over 10 ms, is within 40 dB of the music."""


class Steer(NamedTuple):
    """Affect (or, with `accent`, a cut) as the composer got it; `t_s` is on the monotonic clock."""

    at_sample: int
    t_s: float
    valence: float
    arousal: float
    accent: bool = False


def replay(
    factory: ComposerFactory, anchor: str, seed: int, steers: Sequence[Steer], samples: int, until_s: float
) -> Block:
    """The piece again, float32 (samples, 2), from the steers up to the moment `until_s`."""
    composer = factory()
    composer.prime(anchor, seed)
    for steer in steers:
        if steer.t_s < until_s:
            if steer.accent:
                composer.accent(steer.at_sample)
            else:
                composer.steer(steer.valence, steer.arousal, steer.at_sample)
    block = composer.render(samples)
    close = getattr(composer, "close", None)
    if close is not None:
        close()
    return block


def parting(one: Block, other: Block) -> int | None:
    """First sample from which two pieces audibly differ; None if they never do. See `AUDIBLE`."""
    whole = len(one) // WINDOW_SAMPLES * WINDOW_SAMPLES
    apart = (one[:whole] - other[:whole]).reshape(-1, WINDOW_SAMPLES * 2)
    level = np.sqrt(np.mean(np.square(one[:whole]))) + 1e-9
    loud = np.sqrt(np.mean(np.square(apart), axis=1)) > AUDIBLE * level
    if not loud.any():
        return None
    window = int(loud.argmax()) * WINDOW_SAMPLES
    within = np.abs(one[window : window + WINDOW_SAMPLES] - other[window : window + WINDOW_SAMPLES])
    return window + int((within.max(axis=1) > 0).argmax())


def parting_after(
    factory: ComposerFactory,
    anchor: str,
    seed: int,
    steers: Sequence[Steer],
    change_s: float,
    horizon_s: float,
) -> int | None:
    """First sample that the picture's change at `change_s` altered, or None within the horizon."""
    after = [s.at_sample for s in steers if s.t_s >= change_s]
    if not after:
        return None
    samples = after[0] + round(horizon_s * SAMPLE_RATE_HZ)
    one = replay(factory, anchor, seed, steers, samples, change_s + horizon_s)
    return parting(one, replay(factory, anchor, seed, steers, samples, change_s))


def alignment(played: npt.NDArray[np.float32], heard: npt.NDArray[np.float32]) -> int:
    """Samples by which `heard` (mono) starts after `played` (mono): the peak of their correlation."""
    size = 1 << (len(played) + len(heard)).bit_length()
    product = np.fft.rfft(played, size) * np.conj(np.fft.rfft(heard, size))
    shift = int(np.fft.irfft(product, size).argmax())
    return shift if shift < size // 2 else shift - size
