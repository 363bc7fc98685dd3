"""An anchor and an affect curve to samples, as fast as the machine can.

    for part in compose("lofi", 1, constant(0.2, 0.4), 60 * SAMPLE_RATE_HZ):
        out.write(part.pcm)                 # float32 (n, 2); part.stems when asked for

The same engine, tick by tick, that plays live: only nobody waits for the clock. The limiter's delay is taken
out, so the first sample of the file is the first of the piece, as the notes and the stems count.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from composer.affect_curve import AffectCurve
from composer.decoding import StepAdapter, StepDecoder
from composer.played import Begun, Listener, Sounded, Stems
from composer.presets import SECTIONS
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES
from composer.symbolic import SymbolicComposer
from composer.weights import playable, read

PART_SAMPLES = 10 * TICK_SAMPLES

Player = tuple[StepDecoder, StepAdapter | None]


class Part(NamedTuple):
    """Up to `PART_SAMPLES` of the piece: float32 (n, 2), and each section before the bus, (4, n, 2)."""

    pcm: npt.NDArray[np.float32]
    stems: Stems | None


def compose(
    anchor: str,
    seed: int,
    curve: AffectCurve,
    samples: int,
    *,
    played: Listener | None = None,
    stems: bool = False,
    fade_s: float = 0.0,
    player: Player | None = None,
) -> Generator[Part, None, None]:
    """The first `samples` of the piece; `fade_s` of them fade out at the end.

    `played` is told of every beat and note within them. `player` stands in for the shipped weights. Close the
    iterator if you do not use it up: a process has one synthesiser.

    Raises:
        ComposerError: the anchor cannot be read, or the weights cannot be used.
    """
    waiting = _Waiting()

    def tell(event: Begun | Sounded) -> None:
        if played is not None and event.at_sample < samples:
            played(event)

    composer = SymbolicComposer(
        *(player or playable(read())),
        played=None if played is None else tell,
        stems=waiting.add if stems else None,
    )
    steering = _Steering(composer, curve)
    try:
        composer.prime(anchor, seed)
        latency = composer.latency_samples
        steering.until(latency + TICK_SAMPLES)
        composer.render(latency)
        done = 0
        while done < samples:
            size = min(PART_SAMPLES, samples - done)
            steering.until(done + size + latency + TICK_SAMPLES)
            fade = _fade(done, size, samples, fade_s)
            pcm = composer.render(size) * fade
            yield Part(pcm, waiting.take(size) * fade if stems else None)
            done += size
    finally:
        composer.close()


class _Steering:
    """Hands the curve to the composer, tick by tick, a little ahead of what is rendered."""

    def __init__(self, composer: SymbolicComposer, curve: AffectCurve) -> None:
        self._composer = composer
        self._curve = curve
        self._next = 0
        self._last: tuple[float, float] | None = None
        self._cuts = [round(t_s * SAMPLE_RATE_HZ) for t_s in reversed(curve.cuts_s)]

    def until(self, sample: int) -> None:
        while self._next < sample:
            affect = self._curve.at(self._next / SAMPLE_RATE_HZ)
            if affect != self._last:
                self._composer.steer(*affect, self._next)
                self._last = affect
            self._next += TICK_SAMPLES
        while self._cuts and self._cuts[-1] < sample:
            self._composer.accent(self._cuts.pop())


class _Waiting:
    """Stems that were rendered and not yet asked for."""

    def __init__(self) -> None:
        self._stems = np.zeros((len(SECTIONS), 0, 2), dtype=np.float32)

    def add(self, tick: Stems) -> None:
        self._stems = np.concatenate([self._stems, tick], axis=1)

    def take(self, samples: int) -> Stems:
        taken, self._stems = self._stems[:, :samples], self._stems[:, samples:]
        return taken


def _fade(start: int, size: int, samples: int, fade_s: float) -> npt.NDArray[np.float32]:
    """Gain of each sample, (size, 1): 1, then a raised cosine down to 0 at the end."""
    fade = fade_s * SAMPLE_RATE_HZ
    left = samples - np.arange(start, start + size)
    if fade < 1.0 or left[-1] >= fade:
        return np.ones((1, 1), dtype=np.float32)
    x = np.clip(left / fade, 0.0, 1.0)
    return (0.5 - 0.5 * np.cos(math.pi * x)).astype(np.float32)[:, None]
