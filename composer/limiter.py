"""The last stage: a look-ahead limiter in numpy. Nothing leaves it over the ceiling, ever.

    limiter = Limiter()
    out = limiter.process(block)          # (480, 2) in, (480, 2) out, LATENCY_SAMPLES later

Peaks are taken per `_HOP` samples, on the samples and on the mid-points a four-tap interpolation finds
between them, so that the ceiling holds for true peaks (ITU-R BS.1770-5, annex 2) and not for samples only.
The gain moves in straight lines between hops: it is down before the peak arrives and comes back slowly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from composer.score import TICK_SAMPLES

LATENCY_SAMPLES = 96
"""How long a sample stays inside."""
CEILING = 10.0 ** (-1.7 / 20.0)
"""The gain aims here; the interpolation may miss a few tenths of a dB, so -1 dBTP holds."""
_HARD = 10.0 ** (-1.1 / 20.0)
_HOP = 48
_RELEASE = 0.012
"""Fraction of the way back to unity in each hop of 1 ms."""

Block = npt.NDArray[np.float32]


class Limiter:
    """Owns its history; one instance for one stream."""

    def __init__(self) -> None:
        hops = TICK_SAMPLES // _HOP
        # Each side in one piece, as all that is reckoned goes along it.
        self._window = np.zeros((2, TICK_SAMPLES + LATENCY_SAMPLES), dtype=np.float32).T
        self._gain = 1.0
        self._ramp = (np.arange(_HOP, dtype=np.float32) / _HOP)[None, :]
        self._edges = np.ones(hops + 1, dtype=np.float32)

    def process(self, block: Block) -> Block:
        """Limit one tick: (TICK_SAMPLES, 2) in, a new array of the same shape out."""
        window = self._window
        window[:LATENCY_SAMPLES] = window[TICK_SAMPLES:]
        window[LATENCY_SAMPLES:] = block
        # A value that is not a number would stay in the graph for ever; here it can at least not be heard.
        peak = float(np.abs(window).max())
        if not math.isfinite(peak):
            np.nan_to_num(window, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            peak = float(np.abs(window).max())
        out: Block = window[:TICK_SAMPLES].copy("K")
        if self._gain >= 1.0 and peak < 0.75 * CEILING:
            return out
        self._follow(self._peaks())
        gains = self._edges[:-1, None] * (1.0 - self._ramp) + self._edges[1:, None] * self._ramp
        out *= gains.reshape(-1, 1)
        np.minimum(out, _HARD, out=out)
        return np.maximum(out, -_HARD, out=out)

    def state(self) -> dict[str, Any]:
        """What `resume` needs, as plain JSON values."""
        return {"inside": self._window[TICK_SAMPLES:].tolist(), "gain": self._gain}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on exactly from a `state`."""
        self._window[TICK_SAMPLES:] = np.array(state["inside"], dtype=np.float32).reshape(LATENCY_SAMPLES, 2)
        self._gain = float(state["gain"])

    def _peaks(self) -> npt.NDArray[np.float32]:
        """True-peak estimate per hop, shape (hops + look-ahead,)."""
        x = np.abs(self._window).max(axis=1)
        w = self._window
        middle = np.zeros_like(x)
        middle[1:-2] = np.abs(0.5625 * (w[1:-2] + w[2:-1]) - 0.0625 * (w[:-3] + w[3:])).max(axis=1)
        return np.asarray(np.maximum(x, middle).reshape(-1, _HOP).max(axis=1), dtype=np.float32)

    def _follow(self, peaks: npt.NDArray[np.float32]) -> None:
        wanted = np.minimum(1.0, CEILING / np.maximum(peaks, 1e-9))
        edges = self._edges
        edges[0] = self._gain
        for k in range(1, edges.size):
            near = float(min(wanted[k - 1], wanted[k], wanted[min(k + 1, wanted.size - 1)]))
            back = self._gain + (1.0 - self._gain) * _RELEASE
            self._gain = min(near, back)
            if self._gain > 0.9999 and near >= 1.0:
                self._gain = 1.0
            edges[k] = self._gain
