"""Does the style stay? Minute 1 of each piece against a late minute of every piece.

    python -m bench anchor             # minute 1 and minute 3, two pieces a preset
    python -m bench anchor --full      # minute 1 and minute 30 of one, minute 1 of another

Affect moves along a random curve all the while, so what stays must be the anchor. A minute is described by
three groups of features, each of equal weight, each feature standardized over all minutes: timbre (means and
deviations of mel cepstra without the first, which is loudness), tempo (autocorrelation of the onset curve at
24 tempi from 40 to 200 a minute) and harmony (magnitudes of the Fourier transform of the chroma, the same in
every key; Quinn 2007, Amiot 2016; and roughness). The nearest first minute of all, by Euclidean distance, is
right when it has the same anchor. It is also asked for without the piece's own first minute: does another
piece of the same anchor sound nearer than any of another?
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench import hearing
from bench.pieces import Piece, of_presets, play_all
from bench.report import Figure, above
from bench.scope import Scope

Array = npt.NDArray[np.float64]

LATE_MINUTE, FULL_LATE_MINUTE = 3, 30
SEEDS = 2
_TEMPI = 40.0 * (200.0 / 40.0) ** (np.arange(24) / 23)


class Judged(NamedTuple):
    """Shares in [0, 1] and mean distances: to the nearest of the same anchor, to the nearest of another."""

    right: float
    right_without_own: float
    near: float
    far: float


def described(sound: hearing.Sound) -> tuple[Array, Array, Array]:
    """(timbre, tempo, harmony) of a stretch of sound."""
    audible = sound.power > 1e-7
    cepstra = sound.cepstra[audible if audible.any() else slice(None), 1:]
    timbre = np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0)])
    rise = sound.flux - sound.flux.mean()
    spectrum = np.abs(np.fft.rfft(rise, 2 * len(rise))) ** 2
    echo = np.fft.irfft(spectrum)[: len(rise)]
    lags = 60.0 / _TEMPI / hearing.HOP_S
    tempo = np.interp(lags, np.arange(len(echo)), echo) / max(float(echo[0]), 1e-12)
    circle = np.abs(np.fft.fft(sound.chroma, axis=1))[:, 1:7]
    harmony = np.concatenate([circle.mean(axis=0), circle.std(axis=0), [sound.roughness.mean()]])
    return timbre, tempo, harmony


def standardized(minutes: list[tuple[Array, Array, Array]]) -> Array:
    """(minutes, features): every feature of deviation 1 over the minutes, every group of equal weight."""
    groups = []
    for column in zip(*minutes, strict=True):
        table = np.array(column)
        table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-9)
        groups.append(table / np.sqrt(table.shape[1]))
    return np.concatenate(groups, axis=1)


def judge(early: Array, late: Array, anchors: list[str]) -> Judged:
    """Row i of `early` and of `late` are two minutes of one piece under `anchors[i]`.

    `early` may have more rows: first minutes of pieces that no late minute was heard of.
    """
    distance = np.linalg.norm(late[:, None] - early[None], axis=2)
    names = np.array(anchors)
    own = np.eye(len(late), len(early), dtype=bool)
    wanted = names[: len(late)]
    same = wanted[:, None] == names[None]
    right = names[distance.argmin(axis=1)] == wanted
    others = distance + np.where(own, np.inf, 0.0)
    asked = (same & ~own).any(axis=1)
    without_own = (names[others.argmin(axis=1)] == wanted)[asked]
    return Judged(
        float(right.mean()),
        float(without_own.mean()) if asked.any() else float("nan"),
        float(np.where(same, distance, np.inf).min(axis=1).mean()),
        float(np.where(same, np.inf, distance).min(axis=1).mean()) if not same.all() else float("nan"),
    )


def run(scope: Scope | None = None) -> list[Figure]:
    scope = scope or Scope()
    minute = FULL_LATE_MINUTE if scope.full else LATE_MINUTE
    seeds = scope.seeds or SEEDS
    if len(scope.presets) < 2:
        raise ValueError("The anchor part compares presets: name two or more, or none for all.")
    requests = of_presets(scope.presets, seeds, 60.0 * minute, scope.weights)
    if scope.full:
        # Half an hour of every second piece would be heard for its first minute alone.
        requests = [
            request._replace(edge_s=60.0) if k < len(scope.presets) else request._replace(seconds=60.0)
            for k, request in enumerate(requests)
        ]
    pieces = play_all(requests, scope.workers, f"anchor, {minute} minutes each")
    return _figures(scope, pieces, minute)


def _figures(scope: Scope, pieces: list[Piece], minute: int) -> list[Figure]:
    anchors = [p.request.anchor for p in pieces]
    early = [described(p.sound.between(0.0, 60.0)) for p in pieces]
    late = [described(_late(p, minute)) for p in pieces if p.request.seconds > 60.0]
    table = standardized(early + late)
    got = judge(table[: len(pieces)], table[len(pieces) :], anchors)
    mixed = [anchors[k] for k in np.random.default_rng(0).permutation(len(anchors))]
    by_chance = judge(table[: len(pieces)], table[len(pieces) :], mixed)
    _write(scope, table, anchors, minute)
    name = f"anchor: minute {minute}"
    return [
        above(f"{name}, nearest first minute has its anchor", 100 * got.right, "%", 95.0),
        above(f"{name}, the same without its own piece", 100 * got.right_without_own, "%", 95.0),
        Figure(f"{name}, anchors shuffled, own piece left out", 100 * by_chance.right_without_own, "%"),
        Figure(f"{name}, distance to another anchor over its own", got.far / got.near, "times"),
        Figure(f"{name}, pieces", len(pieces), ""),
    ]


def _late(piece: Piece, minute: int) -> hearing.Sound:
    """The piece's last minute; where only its edges were heard, it follows the first."""
    start = 60.0 if piece.request.edge_s else 60.0 * (minute - 1)
    return piece.sound.between(start, start + 60.0)


def _write(scope: Scope, table: Array, anchors: list[str], minute: int) -> None:
    from matplotlib.figure import Figure as Canvas

    scope.folder.mkdir(parents=True, exist_ok=True)
    early, late = table[: len(anchors)], table[len(anchors) :]
    distance = np.linalg.norm(late[:, None] - early[None], axis=2)
    facts = {"late_minute": minute, "anchors": anchors, "distance": distance.round(3).tolist()}
    (scope.folder / "anchor.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    order = np.argsort(np.array(anchors), kind="stable")
    rows = np.argsort(np.array(anchors[: len(late)]), kind="stable")
    canvas = Canvas(figsize=(8, 7), layout="constrained")
    panel = canvas.subplots()
    panel.imshow(distance[np.ix_(rows, order)], cmap="viridis_r")
    panel.set_xticks(range(len(order)), [anchors[k] for k in order], rotation=90)
    panel.set_yticks(range(len(rows)), [anchors[k] for k in rows])
    panel.set_xlabel("minute 1")
    panel.set_ylabel(f"minute {minute}")
    canvas.savefig(scope.folder / "anchor.png", dpi=90)
