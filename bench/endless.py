"""An hour at constant affect: is it steady, without holes, without a loop, and does it stay new?

    python -m bench endless                # four minutes
    python -m bench endless --full         # one hour, about eight minutes of work

Loudness: K-weighted mean of each minute, the widest difference between two. Gap: the longest run of frames
(21 ms) under `SILENCE_DBFS`. Repetition: bars as (quarter, instrument, pitch) of every note, without the
drums, whose patterns are meant to repeat; the longest run of bars that equals an earlier run. Quarters, not
steps: a player's small lateness must not hide a repetition. Novelty: the share of a minute's melodic figures
(four intervals of a top line, any instrument) that the minutes before did not have, looking back equally far
each time, so that a piece that goes on inventing stays level and one that settles into a loop falls.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from bench import hearing
from bench.pieces import Piece, Request, play
from bench.report import Figure, above, below
from bench.scope import Scope
from composer.presets import DEFAULT_PRESET, PRESETS, Preset
from composer.score import STEPS_PER_QUARTER

Array = npt.NDArray[np.float64]

SECONDS, FULL_SECONDS = 240.0, 3600.0
AFFECT = (0.2, 0.1)
SILENCE_DBFS = -60.0
GRAM = 4
_LOOK_BACK = 5
"""Minutes that novelty is judged against; one in a short piece."""


Bar = tuple[tuple[int, int, int], ...]
"""(quarter in the bar, instrument, pitch) of every note, sorted."""


class Repeat(NamedTuple):
    """`bars` bars from bar `second` on equal those from bar `first` on."""

    bars: int
    first: int
    second: int


def minute_loudness(sound: hearing.Sound) -> Array:
    """LUFS of every whole minute."""
    minutes = int(len(sound.power) * hearing.HOP_S // 60)
    return np.array([hearing.lufs(sound.between(60.0 * m, 60.0 * (m + 1)).power) for m in range(minutes)])


def longest_gap_s(sound: hearing.Sound, silence_dbfs: float = SILENCE_DBFS) -> float:
    """Longest stretch under `silence_dbfs`, counted from the first sound on."""
    quiet = sound.level < 10.0 ** (silence_dbfs / 10.0)
    started = np.flatnonzero(~quiet)
    if not len(started):
        return len(quiet) * hearing.HOP_S
    edges = np.flatnonzero(np.concatenate([~quiet[started[0] :], [True]]))
    return float((np.diff(edges, prepend=-1).max() - 1) * hearing.HOP_S)


def bars_of(notes: Array, quarter_s: float, quarters: int) -> list[Bar]:
    """What each bar of `quarters` holds. Notes as in `Piece.notes`, tempo constant."""
    if not len(notes):
        return []
    # Nothing is played before its beat; a millisecond for the rounding.
    place = np.floor((notes[:, 0] + 1e-3) / quarter_s).astype(int)
    bars: list[list[tuple[int, int, int]]] = [[] for _ in range(int(place.max()) // quarters + 1)]
    for quarter, pitch, instrument in zip(place.tolist(), notes[:, 2], notes[:, 5], strict=True):
        bars[quarter // quarters].append((quarter % quarters, int(instrument), int(pitch)))
    return [tuple(sorted(bar)) for bar in bars]


def longest_repeat(bars: list[Bar]) -> Repeat:
    """The longest run of bars that stood before, not overlapping itself."""
    names: dict[Bar, int] = {}
    row = np.array([names.setdefault(bar, len(names)) for bar in bars], dtype=np.int64)
    best = Repeat(0, 0, 0)
    for shift in range(1, len(row)):
        same = np.concatenate([row[:-shift] == row[shift:], [False]])
        ends = np.flatnonzero(~same)
        runs = np.diff(ends, prepend=-1) - 1
        longest = int(runs.argmax())
        length = min(int(runs[longest]), shift)
        if length > best.bars:
            first = int(ends[longest] - runs[longest])
            best = Repeat(length, first, first + shift)
    return best


def novelty(notes: Array, minutes: int, look_back: int) -> Array:
    """(minutes - look_back,) share of each minute's melodic figures not in the `look_back` minutes before."""
    seen: list[set[tuple[int, ...]]] = [set() for _ in range(minutes)]
    for instrument in np.unique(notes[:, 5]):
        voice = notes[notes[:, 5] == instrument]
        voice = voice[np.lexsort((-voice[:, 2], voice[:, 0]))]
        top = voice[np.concatenate([[True], np.diff(voice[:, 0]) > 0.03])]
        interval = np.diff(top[:, 2]).astype(int).tolist()
        for k in range(len(interval) - GRAM + 1):
            minute = int(top[k, 0] // 60)
            if minute < minutes:
                seen[minute].add(tuple(interval[k : k + GRAM]))
    shares = []
    for minute in range(look_back, minutes):
        before: set[tuple[int, ...]] = set().union(*seen[minute - look_back : minute])
        shares.append(len(seen[minute] - before) / max(len(seen[minute]), 1))
    return np.array(shares)


def judged(piece: Piece, preset: Preset) -> tuple[list[Figure], dict[str, object]]:
    """The figures of one piece at constant affect, and what they were taken from."""
    loudness = minute_loudness(piece.sound)
    minutes = len(loudness)
    quarter_s = 60.0 / preset.bpm(piece.curve[0, 1])
    bars = bars_of(piece.pitched, quarter_s, preset.bar_steps // STEPS_PER_QUARTER)
    repeat = longest_repeat(bars)
    fresh = novelty(piece.pitched, minutes, _LOOK_BACK if minutes > 3 * _LOOK_BACK else 1)
    third = max(len(fresh) // 3, 1)
    early, late = float(fresh[:third].mean()), float(fresh[-third:].mean())
    name = f"endless: {preset.name}, {minutes} min"
    figures = [
        below(f"{name}: loudness of the minutes, widest difference", float(np.ptp(loudness)), "LU", 1.5),
        Figure(f"{name}: furthest from the mean", float(np.abs(loudness - loudness.mean()).max()), "LU"),
        below(f"{name}: longest gap under {SILENCE_DBFS:g} dBFS", longest_gap_s(piece.sound), "s", 0.5),
        Figure(f"{name}: longest gap under -50 dBFS", longest_gap_s(piece.sound, -50.0), "s"),
        below(f"{name}: longest run of bars repeated exactly", repeat.bars, "bars", 7),
        Figure(f"{name}: different bars", 100 * len(set(bars)) / max(len(bars), 1), "%"),
        above(f"{name}: novelty, last third over first third", late / max(early, 1e-9), "", 0.9),
        Figure(f"{name}: novelty, mean", float(fresh.mean()), ""),
        Figure(f"{name}: real-time factor", piece.request.seconds / piece.cpu_s, "x"),
    ]
    facts: dict[str, object] = {
        "loudness_lufs": loudness.round(2).tolist(),
        "novelty": fresh.round(4).tolist(),
        "repeat": repeat._asdict(),
        "bars": len(bars),
    }
    return figures, facts


def run(scope: Scope | None = None) -> list[Figure]:
    scope = scope or Scope()
    preset = PRESETS[scope.presets[0] if len(scope.presets) == 1 else DEFAULT_PRESET]
    seconds = FULL_SECONDS if scope.full else SECONDS
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"endless: {preset.name}", total=seconds)
        request = Request(preset.name, 5, seconds, AFFECT, scope.weights)
        piece = play(request, lambda done: progress.update(task, completed=done))
    figures, facts = judged(piece, preset)
    _write(scope, preset.name, facts)
    return figures


def _write(scope: Scope, preset: str, facts: dict[str, object]) -> None:
    from matplotlib.figure import Figure as Canvas

    scope.folder.mkdir(parents=True, exist_ok=True)
    (scope.folder / "endless.json").write_text(
        json.dumps({"preset": preset, "affect": AFFECT, **facts}, indent=1) + "\n", encoding="utf-8"
    )
    canvas = Canvas(figsize=(8, 5), layout="constrained")
    above_panel, below_panel = canvas.subplots(2, 1, sharex=True)
    loudness, fresh = np.array(facts["loudness_lufs"]), np.array(facts["novelty"])
    above_panel.plot(np.arange(len(loudness)), loudness, ".-")
    above_panel.set_ylabel("loudness of the minute (LUFS)")
    below_panel.plot(np.arange(len(loudness) - len(fresh), len(loudness)), fresh, ".-")
    below_panel.set_ylabel("new melodic figures (share)")
    below_panel.set_xlabel(f"minute ({preset})")
    below_panel.set_ylim(0, 1.05)
    canvas.savefig(scope.folder / "endless.png", dpi=90)
