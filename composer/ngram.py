"""An n-gram model of the same tokens: the baseline that the decoder's bits per token are set against.

Interpolated Witten-Bell smoothing (Bell, Cleary & Witten 1990): every order backs off to the one below, the
lowest to the uniform distribution, so every token has odds.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


class NGram:
    """Counts of all orders up to `order` over one token array."""

    def __init__(self, order: int, vocabulary: int) -> None:
        self._order = order
        self._vocabulary = vocabulary
        self._counts: list[defaultdict[tuple[int, ...], Counter[int]]] = [
            defaultdict(Counter) for _ in range(order)
        ]

    def fit(self, tokens: IntArray) -> NGram:
        row = tokens.tolist()
        for n, table in enumerate(self._counts):
            for i in range(n, len(row)):
                table[tuple(row[i - n : i])][row[i]] += 1
        return self

    def odds(self, context: tuple[int, ...], token: int) -> float:
        """P(token | the last order - 1 tokens of context)."""
        p = 1.0 / self._vocabulary
        for n, table in enumerate(self._counts):
            if n > len(context):
                break
            followers = table.get(context[len(context) - n :])
            if followers:
                total, kinds = followers.total(), len(followers)
                p = (followers[token] + kinds * p) / (total + kinds)
        return p

    def bits_per_token(self, tokens: IntArray) -> float:
        row = tokens.tolist()
        reach = self._order - 1
        total = sum(
            math.log2(self.odds(tuple(row[max(i - reach, 0) : i]), row[i])) for i in range(1, len(row))
        )
        return -total / (len(row) - 1)
