"""The symbolic composer alone: cost, worst block, first block, and how soon a steer is in the samples."""

from __future__ import annotations

import time

import numpy as np

from bench.report import Figure, above, below
from composer.presets import DEFAULT_PRESET
from composer.score import SAMPLE_RATE_HZ
from composer.symbolic import SymbolicComposer, create

BLOCK = 480
SECONDS = 30
STEER_AT = 5 * SAMPLE_RATE_HZ + 100


def _primed(anchor: str, arousal: float, seed: int) -> SymbolicComposer:
    composer = create()
    composer.prime(anchor, seed)
    composer.steer(0.0, arousal, 0)
    return composer


def cost(anchor: str, arousal: float) -> tuple[float, float, float, float]:
    """(share of a core, block median ms, block 99th percentile ms, first block ms)."""
    composer = _primed(anchor, arousal, seed=11)
    began = time.perf_counter()
    composer.render(BLOCK)
    first_ms = 1000 * (time.perf_counter() - began)
    blocks = []
    spent = time.process_time()
    for _ in range(SECONDS * SAMPLE_RATE_HZ // BLOCK):
        at = time.perf_counter()
        composer.render(BLOCK)
        blocks.append(1000 * (time.perf_counter() - at))
    spent = time.process_time() - spent
    composer.close()
    return spent / SECONDS, float(np.median(blocks)), float(np.percentile(blocks, 99)), first_ms


def control_latency_ms(seed: int) -> float:
    """From the steered sample to the first that differs from the same piece unsteered."""
    pieces = []
    for steered in (False, True):
        composer = _primed(DEFAULT_PRESET, 0.0, seed)
        if steered:
            composer.steer(0.4, 0.7, STEER_AT)
        pieces.append(composer.render(STEER_AT + SAMPLE_RATE_HZ))
        composer.close()
    first = int(np.flatnonzero(np.any(pieces[0] != pieces[1], axis=1))[0])
    return 1000 * (first - STEER_AT) / SAMPLE_RATE_HZ


def run() -> list[Figure]:
    figures = []
    for arousal, word in ((0.0, "calm"), (0.8, "aroused")):
        share, median, p99, first = cost(DEFAULT_PRESET, arousal)
        figures += [
            below(f"composer, {word}: share of one core", share, "cores", 0.25),
            above(f"composer, {word}: real-time factor", 1 / share, "x", 1.0),
            Figure(f"composer, {word}: 10 ms block, median", median, "ms"),
            below(f"composer, {word}: 10 ms block, 99th percentile", p99, "ms", 10.0),
        ]
    figures.append(below("composer: first block after prime", first, "ms", 300.0))
    latencies = [control_latency_ms(seed) for seed in (1, 2, 3)]
    figures.append(below("composer: steer to first changed sample", float(np.median(latencies)), "ms", 100.0))
    return figures
