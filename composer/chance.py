"""Seeded chance without hidden state: the same question always gets the same answer.

Every random choice of the performer is a hash of the seed and of where in the piece it is made. There is
nothing to save, and a resumed piece rolls the same dice as an uninterrupted one. The mixing function is
SplitMix64 (Steele, Lea & Flood 2014).
"""

from __future__ import annotations

_MASK = (1 << 64) - 1


def _mix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def uniform(seed: int, *where: int) -> float:
    """A number in [0, 1) that depends on `seed` and the integers `where`, on nothing else."""
    x = _mix(seed & _MASK)
    for part in where:
        x = _mix(x ^ (part & _MASK))
    return (x >> 11) / float(1 << 53)


def spread(seed: int, *where: int) -> float:
    """A bell-shaped number in (-1, 1), standard deviation about 0.33 (mean of four uniforms)."""
    return sum(uniform(seed, k, *where) for k in range(4)) / 2.0 - 1.0


def choose(seed: int, count: int, *where: int) -> int:
    """An index in `range(count)`."""
    return min(int(uniform(seed, *where) * count), count - 1)
