"""What the composer costs: share of a core, memory, first block, worst block; and one token.

    python -m bench cost            # default preset, calm and aroused, 30 s each
    python -m bench cost --full     # every preset, 120 s each

Every play is in a fresh process, so that memory is its own. The first block is timed twice: in a process that
has just loaded the weights, and when a composer is made anew in a warm one. What several cost at once, in
real time, is `bench.company`'s.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import psutil
from rich.console import Console
from rich.progress import track

from bench.report import Figure, above, below
from bench.scope import Scope
from composer.presets import DEFAULT_PRESET
from composer.score import SAMPLE_RATE_HZ
from composer.symbolic import SymbolicComposer, create_from
from composer.weights import playable, read

BLOCK = 480
SECONDS, FULL_SECONDS = 30, 120
CALM, AROUSED = 0.0, 0.8
TOKENS = 900


class Cost(NamedTuple):
    """One play in a process of its own. `share` counts processor time of all its threads."""

    preset: str
    arousal: float
    share: float
    median_ms: float
    p99_ms: float
    cold_ms: float
    first_ms: float
    resident_mib: float


def _primed(preset: str, arousal: float, scope: Scope) -> SymbolicComposer:
    composer = create_from(scope.weights)
    composer.prime(preset, 11)
    composer.steer(0.0, arousal, 0)
    return composer


def _first_block_ms(preset: str, arousal: float, scope: Scope) -> float:
    composer = _primed(preset, arousal, scope)
    began = time.perf_counter()
    composer.render(BLOCK)
    spent = time.perf_counter() - began
    composer.close()
    return 1000.0 * spent


def measure(preset: str, arousal: float, seconds: int, scope: Scope) -> Cost:
    """Play in this process."""
    cold_ms = _first_block_ms(preset, arousal, scope)
    first_ms = float(np.median([_first_block_ms(preset, arousal, scope) for _ in range(3)]))
    composer = _primed(preset, arousal, scope)
    blocks = []
    spent = time.process_time()
    for _ in range(seconds * SAMPLE_RATE_HZ // BLOCK):
        at = time.perf_counter()
        composer.render(BLOCK)
        blocks.append(1000.0 * (time.perf_counter() - at))
    spent = time.process_time() - spent
    resident = psutil.Process().memory_info().rss / 2**20
    composer.close()
    median, p99 = float(np.median(blocks)), float(np.percentile(blocks, 99))
    return Cost(preset, arousal, spent / seconds, median, p99, cold_ms, first_ms, resident)


def token_ms(scope: Scope) -> float:
    """Median of a token, two rows, at random ones with a full ring."""
    decoder, _ = playable(read(scope.weights))
    c, random, state, times = decoder.config, np.random.default_rng(0), decoder.begin(2), []
    for token in random.integers(c.vocabulary, size=TOKENS).tolist():
        residuals = 0.1 * random.standard_normal((c.shallow, 2, c.width)).astype(np.float32)
        began = time.perf_counter()
        decoder.step(state, token, token % c.bar_steps, (0,) * len(c.style_sizes), residuals)
        times.append(1000.0 * (time.perf_counter() - began))
    return float(np.median(times[c.window :]))


def run(scope: Scope | None = None) -> list[Figure]:
    scope = scope or Scope()
    presets = scope.presets if scope.full or len(scope.presets) == 1 else (DEFAULT_PRESET,)
    seconds = FULL_SECONDS if scope.full else SECONDS
    wanted = [(preset, arousal) for preset in presets for arousal in (CALM, AROUSED)]
    console = Console(stderr=True)
    rows = []
    for preset, arousal in track(wanted, "cost", console=console, transient=True):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            rows.append(alone.submit(measure, preset, arousal, seconds, scope).result())
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        token = alone.submit(token_ms, scope).result()
    _write(scope, rows, token)
    figures = []
    for arousal, word in ((CALM, "calm"), (AROUSED, "aroused")):
        of = [row for row in rows if row.arousal == arousal]
        dearest = max(of, key=lambda row: row.share)
        tail = f" ({dearest.preset}, the dearest)" if len(presets) > 1 else ""
        figures += [
            below(f"composer, {word}: share of one core{tail}", dearest.share, "cores", 0.25),
            above(f"composer, {word}: real-time factor", 1.0 / dearest.share, "x", 1.0),
            Figure(
                f"composer, {word}: 10 ms block, median", float(np.median([r.median_ms for r in of])), "ms"
            ),
            below(f"composer, {word}: 10 ms block, 99th percentile", max(r.p99_ms for r in of), "ms", 10.0),
        ]
    figures += [
        below("composer: first block after prime, warm", max(r.first_ms for r in rows), "ms", 300.0),
        Figure("composer: first block after prime, new process", max(r.cold_ms for r in rows), "ms"),
        Figure("composer: resident memory of its process", max(r.resident_mib for r in rows), "MiB"),
    ]
    return [*figures, Figure("decoder: one token, two rows", token, "ms")]


def _write(scope: Scope, rows: list[Cost], token: float) -> None:
    from matplotlib.figure import Figure as Canvas

    scope.folder.mkdir(parents=True, exist_ok=True)
    table = {"plays": [row._asdict() for row in rows], "token_ms": token}
    (scope.folder / "cost.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    canvas = Canvas(figsize=(8, 4), layout="constrained")
    panel = canvas.subplots()
    names = list(dict.fromkeys(row.preset for row in rows))
    for shift, arousal, word in ((-0.2, CALM, "calm"), (0.2, AROUSED, "aroused")):
        shares = [row.share for row in rows if row.arousal == arousal]
        panel.bar(np.arange(len(names)) + shift, shares, 0.4, label=word)
    panel.axhline(0.25, color="k", ls="--", lw=1)
    panel.set_xticks(range(len(names)), names, rotation=30)
    panel.set_ylabel("share of one core")
    panel.legend()
    canvas.savefig(scope.folder / "cost.png", dpi=90)
