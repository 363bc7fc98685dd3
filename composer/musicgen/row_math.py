"""What a step does to a row of numbers between products, in words that numba compiles into vectors.

Whatever is not plain here is so because LLVM would otherwise do it one number at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from composer.musicgen.vectors import BLOCK

_EPSILON = np.float32(1e-5)

_Function = TypeVar("_Function", bound=Callable[..., Any])

compiled: Callable[[_Function], _Function] = cast(
    Any, njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
)
"""Compiled at the first call, for this processor; runs without the interpreter's lock."""


@compiled
def exponential(x: Any) -> Any:
    """e to the x <= 0, within 2e-7 of it, in steps that LLVM puts into vectors."""
    x = max(x, np.float32(-87.0))
    turns = np.rint(x * np.float32(1.44269504))
    rest = x - turns * np.float32(0.693359375) - turns * np.float32(-2.12194440e-4)
    # Taylor's series to the seventh power: |rest| <= ln 2 / 2.
    series = np.float32(1.0 / 5040.0)
    for factor in (720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0):
        series = series * rest + np.float32(1.0 / factor)
    return series * np.int32((np.int32(turns) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def gelu(x: Any) -> Any:
    """x times the normal distribution's integral to x, exact within 2e-7 |x| (Abramowitz & Stegun 7.1.26)."""
    z = abs(x) * np.float32(0.70710678)
    t = np.float32(1.0) / (np.float32(1.0) + np.float32(0.3275911) * z)
    series = np.float32(1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(factor)
    tail = np.float32(0.5) * series * t * exponential(-z * z)
    return x * (np.float32(1.0) - tail if x > np.float32(0.0) else tail)


@compiled
def bend(x: Any) -> None:
    """gelu in place."""
    for i in range(len(x)):
        x[i] = gelu(x[i])


@compiled
def reach(x: Any) -> Any:
    """The largest magnitude in a row. As whole numbers in the same order: those LLVM compares in vectors."""
    bits = x.view(np.int32)
    most = np.int32(0)
    for i in range(len(bits)):
        most = max(most, np.int32(bits[i] & np.int32(0x7FFFFFFF)))
    return max(np.int32(most).view(np.float32), np.float32(1e-20))


@compiled
def keep(x: Any, out: Any) -> Any:
    """A row in 8 bits into `out`; what one step of them stands for."""
    step = reach(x) / np.float32(127.0)
    inverse = np.float32(1.0) / step
    for i in range(len(x)):
        out[i] = np.int32(np.rint(x[i] * inverse))
    return step


@compiled
def sum_of(codes: Any) -> Any:
    """Of a block's codes: at most 256 times 127."""
    total = np.int32(0)
    for i in range(len(codes)):
        total += np.int32(codes[i])
    return total


@compiled
def quantize(x: Any, codes: Any, scales: Any, sums: Any) -> None:
    """A row in 8 bits: a scale for each block of inputs, and the sum of its codes."""
    for block in range(len(scales)):
        first, last = block * BLOCK, min((block + 1) * BLOCK, len(x))
        scales[block] = keep(x[first:last], codes[first:last])
        sums[block] = sum_of(codes[first:last])


@compiled
def norm(x: Any, gain: Any, shift: Any, out: Any) -> None:
    """Layer normalization of a row."""
    mean = np.float32(0.0)
    for i in range(len(x)):
        mean += x[i]
    mean /= np.float32(len(x))
    spread = np.float32(0.0)
    for i in range(len(x)):
        spread += (x[i] - mean) ** 2
    inverse = np.float32(1.0) / np.sqrt(spread / np.float32(len(x)) + _EPSILON)
    for i in range(len(x)):
        out[i] = (x[i] - mean) * inverse * gain[i] + shift[i]


@compiled
def ordered(bits: Any) -> Any:
    """A float's bits as a whole number in the same order, and back."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@compiled
def soften(scores: Any, count: int) -> None:
    """The first `count` scores become shares of one."""
    bits = scores.view(np.int32)
    # Floats as whole numbers in the same order, as in `reach`, the negative ones too.
    most = np.int32(-0x7FFFFFFF)
    for i in range(count):
        most = max(most, ordered(bits[i]))
    top = np.int32(ordered(most)).view(np.float32)
    total = np.float32(0.0)
    for i in range(count):
        scores[i] = exponential(scores[i] - top)
        total += scores[i]
    inverse = np.float32(1.0) / total
    for i in range(count):
        scores[i] *= inverse
