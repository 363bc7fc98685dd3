"""Does the music follow? Commanded affect against what can be measured in the sound and in the notes played.

    python -m bench control                       # every preset, two curves of three minutes
    python -m bench control --preset cinematic    # three curves, about a minute: for tuning
    python -m bench control --full                # every preset, three curves of five minutes

Every piece follows its own random smooth curve (`bench.pieces.random_curve`). Windows of `WINDOW_S`, every
`HOP_S`, are measured as anyone could who has the sound, the MIDI and the curve:

    arousal   note rate: pitched note-ons a second; from sound: onsets a second (spectral flux)
              loudness: K-weighted mean power (BS.1770-5); brightness: mean spectral centroid
    valence   mode: best major minus best minor key correlation (Krumhansl & Kessler), of chroma or notes
              consonance: Huron's interval index of the notes; from sound: less roughness (bench.harmony)

Features of one axis are put together as the mean of their ranks, with equal weights. A window is compared
with the mean of the curve over the same span `*_LAG_S` earlier, since notes are written up to a beat and a
mode up to a bar ahead; the figures without lag are given too. Spearman is taken within each piece; presets
are medians over their curves. Control of the measure: the same windows against the other pieces' curves.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench import harmony, hearing
from bench.pieces import CURVE_HZ, Piece, of_presets, play_all
from bench.ranks import spearman, together
from bench.report import Figure, above
from bench.scope import Scope

Array = npt.NDArray[np.float64]

WINDOW_S, HOP_S = 8.0, 4.0
AROUSAL_LAG_S, VALENCE_LAG_S = 0.5, 2.0
SECONDS, FULL_SECONDS = 180.0, 300.0
AROUSAL_AIM, VALENCE_AIM = 0.85, 0.65


class Windows(NamedTuple):
    """One piece, window by window, each (W,). `rate` .. `consonance` are what the module says."""

    start_s: Array
    rate: Array
    onsets: Array
    loudness: Array
    centroid: Array
    mode_heard: Array
    smoothness: Array
    mode_notes: Array
    consonance: Array


def measured(piece: Piece) -> Windows:
    notes, sound = piece.pitched, piece.sound
    end_s = len(sound.power) * hearing.HOP_S
    onsets = hearing.onsets_s(sound.flux)
    rows = []
    for start in np.arange(0.0, end_s - WINDOW_S, HOP_S):
        stop = start + WINDOW_S
        part = sound.between(start, stop)
        audible = part.power > 1e-7
        rows.append(
            (
                start,
                ((notes[:, 0] >= start) & (notes[:, 0] < stop)).sum() / WINDOW_S,
                ((onsets >= start) & (onsets < stop)).sum() / WINDOW_S,
                hearing.lufs(part.power),
                part.centroid_hz[audible].mean() if audible.any() else 0.0,
                harmony.mode(part.chroma.mean(axis=0)),
                -part.roughness.mean(),
                harmony.mode(harmony.sounding_classes(notes, start, stop)),
                harmony.consonance(notes, start, stop),
            )
        )
    return Windows(*np.array(rows, dtype=np.float64).T)


def commanded(curve: Array, start_s: Array, lag_s: float) -> Array:
    """(W, 2) mean of the curve over each window, `lag_s` earlier; before its start, its first value."""
    rows = []
    for start in start_s:
        first = max(int((start - lag_s) * CURVE_HZ), 0)
        rows.append(curve[first : max(int((start - lag_s + WINDOW_S) * CURVE_HZ), first + 1)].mean(axis=0))
    return np.array(rows)


def correlations(windows: Windows, curve: Array, lagged: bool = True) -> dict[str, float]:
    """Spearman of each feature, alone and together, with the axis it should follow."""
    w = windows
    valence = commanded(curve, w.start_s, VALENCE_LAG_S if lagged else 0.0)[:, 0]
    arousal = commanded(curve, w.start_s, AROUSAL_LAG_S if lagged else 0.0)[:, 1]
    return {
        "arousal": spearman(arousal, together(w.rate, w.loudness, w.centroid)),
        "arousal by sound alone": spearman(arousal, together(w.onsets, w.loudness, w.centroid)),
        "note rate": spearman(arousal, w.rate),
        "onset rate": spearman(arousal, w.onsets),
        "loudness": spearman(arousal, w.loudness),
        "brightness": spearman(arousal, w.centroid),
        "valence": spearman(valence, together(w.mode_heard, w.consonance)),
        "valence by sound alone": spearman(valence, together(w.mode_heard, w.smoothness)),
        "valence by notes alone": spearman(valence, together(w.mode_notes, w.consonance)),
        "mode heard": spearman(valence, w.mode_heard),
        "mode of the notes": spearman(valence, w.mode_notes),
        "consonance of the notes": spearman(valence, w.consonance),
        "smoothness heard": spearman(valence, w.smoothness),
        "valence against note rate": spearman(valence, w.rate),
        "arousal against mode": spearman(arousal, w.mode_heard),
    }


def mismatched(rows: list[tuple[str, Windows, Array]]) -> dict[str, float]:
    """Mean correlation of every piece with every other piece's curve; empty for a single piece."""
    found = []
    for i, (_, windows, _) in enumerate(rows):
        for j, (_, _, curve) in enumerate(rows):
            if i != j:
                found.append(correlations(windows, curve))
    return {name: float(np.mean([f[name] for f in found])) for name in found[0]} if found else {}


def run(scope: Scope | None = None) -> list[Figure]:
    scope = scope or Scope()
    seeds = scope.seeds or (3 if scope.full or len(scope.presets) == 1 else 2)
    seconds = FULL_SECONDS if scope.full else SECONDS
    requests = of_presets(scope.presets, seeds, seconds, scope.weights)
    pieces = play_all(requests, scope.workers, "control")
    rows = [(p.request.anchor, measured(p), p.curve) for p in pieces]
    found = [(preset, correlations(w, curve), correlations(w, curve, False)) for preset, w, curve in rows]
    presets = {
        preset: {
            name: float(np.median([f[name] for p, f, _ in found if p == preset])) for name in found[0][1]
        }
        for preset in scope.presets
    }
    by_chance = mismatched(rows)
    _write(scope, rows, presets, by_chance)
    return _figures(presets, [f for _, _, f in found], by_chance)


def _figures(
    presets: dict[str, dict[str, float]], unlagged: list[dict[str, float]], by_chance: dict[str, float]
) -> list[Figure]:
    figures = []
    names = list(next(iter(presets.values())))
    middle = {name: float(np.median([p[name] for p in presets.values()])) for name in names}
    for axis, aim in (("arousal", AROUSAL_AIM), ("valence", VALENCE_AIM)):
        worst = min(presets, key=lambda p: presets[p][axis])
        figures.append(above(f"control: {axis}, median of the presets (Spearman)", middle[axis], "", aim))
        if len(presets) > 1:
            figures.append(above(f"control: {axis}, worst preset ({worst})", presets[worst][axis], "", aim))
            short = sum(p[axis] < aim for p in presets.values())
            figures.append(Figure(f"control: presets that miss {axis}", short, f"of {len(presets)}"))
        without = float(np.median([f[axis] for f in unlagged]))
        figures.append(Figure(f"control: {axis}, no lag allowed", without, ""))
        if by_chance:
            value = by_chance[axis]
            figures.append(
                Figure(f"control: {axis}, other pieces' curves", value, "", "0 +-0.1", abs(value) <= 0.1)
            )
    figures += [
        Figure(f"control: {name}", middle[name], "") for name in names if name not in ("arousal", "valence")
    ]
    return figures


def _write(
    scope: Scope,
    rows: list[tuple[str, Windows, Array]],
    presets: dict[str, dict[str, float]],
    by_chance: dict[str, float],
) -> None:
    """The table of presets, every window, and a plot of commanded and measured."""
    scope.folder.mkdir(parents=True, exist_ok=True)
    pieces = [
        {
            "preset": preset,
            "commanded_valence": commanded(curve, w.start_s, VALENCE_LAG_S)[:, 0].round(3).tolist(),
            "commanded_arousal": commanded(curve, w.start_s, AROUSAL_LAG_S)[:, 1].round(3).tolist(),
            **{name: column.round(4).tolist() for name, column in w._asdict().items()},
        }
        for preset, w, curve in rows
    ]
    facts = {
        "window_s": WINDOW_S,
        "hop_s": HOP_S,
        "lag_s": {"valence": VALENCE_LAG_S, "arousal": AROUSAL_LAG_S},
    }
    table = {**facts, "presets": presets, "other_curves": by_chance, "pieces": pieces}
    (scope.folder / "control.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    lines = [f"{'preset':14s}" + "".join(f"{name[:12]:>14s}" for name in next(iter(presets.values())))]
    lines += [f"{p:14s}" + "".join(f"{value:14.2f}" for value in row.values()) for p, row in presets.items()]
    (scope.folder / "control.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _plot(scope, rows, presets)


def _plot(scope: Scope, rows: list[tuple[str, Windows, Array]], presets: dict[str, dict[str, float]]) -> None:
    from matplotlib.figure import Figure as Canvas

    first = {preset: (w, curve) for preset, w, curve in reversed(rows)}
    canvas = Canvas(figsize=(13, 1.9 * len(first)), layout="constrained")
    axes = canvas.subplots(len(first), 2, squeeze=False)

    def scaled(x: Array) -> Array:
        order = together(x)
        return np.asarray(2.0 * (order - order.min()) / max(np.ptp(order), 1e-9) - 1.0)

    for (preset, (w, curve)), (left, right) in zip(first.items(), axes, strict=True):
        sides = (
            (left, "arousal", 1, AROUSAL_LAG_S, together(w.rate, w.loudness, w.centroid)),
            (right, "valence", 0, VALENCE_LAG_S, together(w.mode_heard, w.consonance)),
        )
        for panel, axis, column, lag, feature in sides:
            panel.plot(w.start_s, commanded(curve, w.start_s, lag)[:, column], "k", label="commanded")
            panel.plot(w.start_s, scaled(feature), ".-", label="measured (rank)")
            panel.set_title(f"{preset}: {axis} {presets[preset][axis]:.2f}", fontsize=9)
            panel.set_ylim(-1.1, 1.1)
    axes[0][0].legend(fontsize=7)
    canvas.savefig(scope.folder / "control.png", dpi=90)
