"""How soon is a new affect heard? One figure for each time scale at which the composer decides.

Twins are played from one anchor and seed, one of them steered at a random moment, and compared: at once, the
first sample that differs; next beat, the first note written otherwise (pitched notes, by instrument, pitch
and place in the beat to within 30 ms); next bar, when the tempo begins to move and the first instrument the
other twin does not play. Steps go from calm to aroused, so that there is something to change on every scale.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from bench.report import Figure, below
from bench.scope import Scope
from composer.presets import DEFAULT_PRESET, PRESETS
from composer.score import SAMPLE_RATE_HZ, STEPS_PER_QUARTER, TICK_SAMPLES, Strike
from composer.symbolic import create_from

SEEDS, FULL_SEEDS = 4, 24
_FROM, _TO = (0.1, -0.4), (-0.5, 0.8)
_AFTER_S = 9.0
_EARLIEST_S, _LATEST_S = 5.0, 9.0


class Twin(NamedTuple):
    """One play: PCM (n, 2), strikes, tempo at each tick."""

    pcm: npt.NDArray[np.float32]
    strikes: tuple[Strike, ...]
    tempo: npt.NDArray[np.float64]


class Reaction(NamedTuple):
    """Milliseconds from the steer; `quarter_ms`, `bar_ms` at the tempo of the steer."""

    sample_ms: float
    note_ms: float
    tempo_ms: float
    layer_ms: float
    quarter_ms: float
    bar_ms: float


def _twin(anchor: str, seed: int, steer_at: int, steered: bool, scope: Scope) -> Twin:
    composer = create_from(scope.weights)
    composer.prime(anchor, seed)
    composer.steer(*_FROM, 0)
    if steered:
        composer.steer(*_TO, steer_at)
    blocks, tempo = [], []
    for _ in range((steer_at + int(_AFTER_S * SAMPLE_RATE_HZ)) // TICK_SAMPLES):
        blocks.append(composer.render(TICK_SAMPLES))
        tempo.append(float(composer.now_playing()["tempo_bpm"]))
    strikes = composer.events()
    composer.close()
    return Twin(np.concatenate(blocks), strikes, np.array(tempo))


def first_different_note(plain: tuple[Strike, ...], steered: tuple[Strike, ...], after: int) -> int | None:
    """Sample of the first strike from `after` on that only one of the two has. Loudness does not count."""

    def pitched(strikes: tuple[Strike, ...]) -> list[Strike]:
        return [s for s in strikes if s.at_sample >= after and not s.instrument.endswith("@drums")]

    def unmatched(ours: list[Strike], theirs: list[Strike]) -> list[int]:
        near: dict[tuple[str, int], list[int]] = {}
        for s in theirs:
            near.setdefault((s.instrument, s.pitch), []).append(s.at_sample)
        slack = 0.03 * SAMPLE_RATE_HZ
        return [
            s.at_sample
            for s in ours
            if all(abs(s.at_sample - at) > slack for at in near.get((s.instrument, s.pitch), ()))
        ]

    a, b = pitched(plain), pitched(steered)
    different = unmatched(a, b) + unmatched(b, a)
    return min(different) if different else None


def react(anchor: str, seed: int, scope: Scope) -> Reaction:
    """Play the twins and time what differs; NaN for what did not within the time played."""
    random = np.random.default_rng(seed)
    steer_at = int(random.uniform(_EARLIEST_S, _LATEST_S) * SAMPLE_RATE_HZ)
    plain, steered = (_twin(anchor, seed, steer_at, on, scope) for on in (False, True))

    def ms(sample: float | None) -> float:
        return float("nan") if sample is None else 1000.0 * (sample - steer_at) / SAMPLE_RATE_HZ

    differs = np.flatnonzero(np.any(plain.pcm != steered.pcm, axis=1))
    bends = np.flatnonzero(plain.tempo != steered.tempo)
    known = {s.instrument for s in plain.strikes}
    fresh = [s.at_sample for s in steered.strikes if s.at_sample >= steer_at and s.instrument not in known]
    quarter_ms = 60_000.0 / plain.tempo[steer_at // TICK_SAMPLES]
    return Reaction(
        ms(float(differs[0]) if len(differs) else None),
        ms(first_different_note(plain.strikes, steered.strikes, steer_at)),
        ms(float(bends[0] * TICK_SAMPLES) if len(bends) else None),
        ms(min(fresh) if fresh else None),
        float(quarter_ms),
        float(quarter_ms) * PRESETS[anchor].bar_steps / STEPS_PER_QUARTER,
    )


def run(scope: Scope | None = None) -> list[Figure]:
    scope = scope or Scope()
    seeds = scope.seeds or (FULL_SEEDS if scope.full else SEEDS)
    presets = scope.presets if scope.full or len(scope.presets) == 1 else (DEFAULT_PRESET, "cinematic")
    wanted = [(presets[k % len(presets)], 40 + k) for k in range(seeds)]
    console = Console(stderr=True)
    rows = [
        react(anchor, seed, scope)
        for anchor, seed in track(wanted, "latency", console=console, transient=True)
    ]
    table = np.array(rows)
    _write(scope, table)
    sample, note, tempo, layer, quarter, bar = table.T
    beats, tempo_bars, layer_bars = note / quarter, tempo / bar, layer / bar
    return [
        below("latency: at once, first changed sample, median", float(np.nanmedian(sample)), "ms", 100.0),
        below("latency: at once, slowest", float(np.nanmax(sample)), "ms", 100.0),
        Figure("latency: next beat, first other note, median", float(np.nanmedian(note)), "ms"),
        below("latency: next beat, slowest", float(np.nanmax(beats)), "beats", 2.0),
        Figure("latency: next bar, tempo, median", float(np.nanmedian(tempo)), "ms"),
        below("latency: next bar, tempo, slowest", float(np.nanmax(tempo_bars)), "bars", 1.05),
        Figure("latency: next bar, new instrument or drum, median", float(np.nanmedian(layer)), "ms"),
        below(
            "latency: next bar, new instrument or drum, slowest", float(np.nanmax(layer_bars)), "bars", 2.0
        ),
        Figure("latency: steers timed", len(rows), ""),
    ]


def _write(scope: Scope, table: npt.NDArray[np.float64]) -> None:
    from matplotlib.figure import Figure as Canvas

    scope.folder.mkdir(parents=True, exist_ok=True)
    names = Reaction._fields
    facts = {
        name: [None if np.isnan(x) else round(x, 1) for x in column]
        for name, column in zip(names, table.T, strict=True)
    }
    (scope.folder / "latency.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    canvas = Canvas(figsize=(7, 4), layout="constrained")
    panel = canvas.subplots()
    for k in range(4):
        panel.plot(table[:, k], np.full(len(table), k), "o", alpha=0.5)
    panel.set_yticks(range(4), ["at once: sample", "next beat: note", "next bar: tempo", "next bar: layer"])
    panel.set_xscale("log")
    panel.set_xlabel("ms after the steer")
    canvas.savefig(scope.folder / "latency.png", dpi=90)
