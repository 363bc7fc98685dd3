"""Music beside another sound: over it, under it, or stepping back while it speaks.

    mixed(music, original, gain_db=-3.0, duck=Ducker(), limit=limiter.process, latency=96)

The ducker listens to the band of speech, 300 to 3,400 Hz. It is a level, not a recogniser of speech: a loud
guitar in that band ducks the music too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Block

HOP_SAMPLES = 480
"""Everything here is decided once in 10 ms."""
_WINDOW = 1440
"""30 ms: two periods of the lowest voice."""
_SPEECH_HZ = (300.0, 3400.0)
_QUIET_DB, _LOUD_DB = -50.0, -35.0
"""Levels in the band at which ducking begins, and is complete."""
_HOLD_HOPS = 25
"""A pause between words is not the end of the sentence."""

Limit = Callable[[Block], Block]
"""One hop in, one hop out, some samples later, never over full scale."""


class Ducker:
    """Turns music down while the other sound has something in the band of speech."""

    def __init__(self, depth_db: float = 12.0, attack_s: float = 0.04, release_s: float = 0.5) -> None:
        hop_s = HOP_SAMPLES / SAMPLE_RATE_HZ
        self._depth_db = depth_db
        self._attack, self._release = (1.0 - math.exp(-hop_s / tau) for tau in (attack_s, release_s))
        self._past = np.zeros(_WINDOW, dtype=np.float32)
        self._shape = np.hanning(_WINDOW).astype(np.float32)
        frequency = np.fft.rfftfreq(_WINDOW, 1.0 / SAMPLE_RATE_HZ)
        self._band = (frequency >= _SPEECH_HZ[0]) & (frequency <= _SPEECH_HZ[1])
        self._down_db = 0.0
        self._held_db = 0.0
        self._hold = 0

    def duck(self, music: Block, other: Block) -> Block:
        """One hop of `music` (480, 2), turned down as far as the same hop of `other` asks for."""
        before = self._down_db
        self._follow(self._level_db(other))
        ramp = np.linspace(before, self._down_db, HOP_SAMPLES, dtype=np.float32)[:, None]
        return np.asarray(music * 10.0 ** (-ramp / 20.0), dtype=np.float32)

    def _level_db(self, other: Block) -> float:
        self._past = np.concatenate([self._past[HOP_SAMPLES:], other.mean(axis=1)])
        power = np.abs(np.fft.rfft(self._past * self._shape)[self._band]) ** 2
        # One-sided, and over the window's own power (Parseval): the mean square of what lies in the band.
        mean = 2.0 * float(power.sum()) / (_WINDOW * float(np.vdot(self._shape, self._shape)))
        return 10.0 * math.log10(mean + 1e-12)

    def _follow(self, level_db: float) -> None:
        share = min(max((level_db - _QUIET_DB) / (_LOUD_DB - _QUIET_DB), 0.0), 1.0)
        wanted = self._depth_db * share
        if wanted >= self._held_db:
            self._held_db, self._hold = wanted, _HOLD_HOPS
        elif self._hold:
            self._hold -= 1
        else:
            self._held_db = wanted
        rate = self._attack if self._held_db > self._down_db else self._release
        self._down_db += (self._held_db - self._down_db) * rate


def mixed(
    music: Iterable[Block],
    original: Iterable[Block],
    gain_db: float,
    duck: Ducker | None,
    limit: Limit,
    latency: int,
) -> Iterator[Block]:
    """The sum of two sounds of the same length, hop by hop, `gain_db` on the music, through `limit`.

    `latency` is how many samples `limit` delays by; the sum comes out undelayed and as long as the music.
    """
    gain = np.float32(10.0 ** (gain_db / 20.0))
    samples = written = 0
    skip = latency
    for one, other in zip(_hops(music), _hops(original), strict=False):
        samples += min(len(one), HOP_SAMPLES)
        scaled = _whole(one) * gain
        beside = _whole(other)
        out = limit((duck.duck(scaled, beside) if duck is not None else scaled) + beside)[skip:]
        skip = 0
        yield out[: samples - written]
        written += min(len(out), samples - written)
    if written < samples:
        yield limit(np.zeros((HOP_SAMPLES, CHANNELS), dtype=np.float32))[: samples - written]


def _hops(blocks: Iterable[Block]) -> Iterator[Block]:
    """The same samples in hops; the last may be short."""
    waiting = np.zeros((0, CHANNELS), dtype=np.float32)
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) >= HOP_SAMPLES:
            yield waiting[:HOP_SAMPLES]
            waiting = waiting[HOP_SAMPLES:]
    if len(waiting):
        yield waiting


def _whole(hop: Block) -> Block:
    missing = HOP_SAMPLES - len(hop)
    return hop if not missing else np.pad(hop, ((0, missing), (0, 0)))
