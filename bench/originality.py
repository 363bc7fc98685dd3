"""Is it copied? The longest melody a generated piece shares with the corpus, against held-out real music.

    python -m bench originality           # 32 bars of each preset
    python -m bench originality --full

A voice is read as its top line, and the line as steps: (interval in semitones, time since the last onset in
grid steps), so that a transposed copy is still a copy. For every step of a line the longest run that starts
there and stands anywhere in the training corpus is found. A run of fewer than `LEAST_KINDS` different steps
is a figure (a repeated note, a scale, a broken chord) and no melody, and does not count. Lines are cut into
excerpts of `EXCERPT` steps, so that longer music has no more chances, and excerpts of the generator are set
against excerpts of composers it never saw. Notes are the generator's own, before orchestration.

Needs `runs/corpus.npz`, which training leaves, or the scores in `../shared/data/openscore`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from bench.pieces import CURVE_HZ, random_curve
from bench.report import Figure, below
from bench.scope import Scope
from composer import corpus
from composer.dataset import is_held_out
from composer.generator import Generator
from composer.presets import PRESETS
from composer.score import STEPS_PER_QUARTER
from composer.symbolic import manner_of
from composer.weights import playable, read

IntArray = npt.NDArray[np.int64]

CACHE = Path("runs/corpus.npz")
SCORES = Path("../shared/data/openscore")
EXCERPT = 60
LEAST_KINDS = 4
QUARTERS, FULL_QUARTERS = 128, 400
_LONGEST_WAIT = 96
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_BREAK = -1
"""Between two lines: a step that matches nothing, not even itself."""


class Passage(NamedTuple):
    """`length` steps of the query from `start`, found in the corpus from `found`."""

    start: int
    length: int
    found: int


def lines(notes: npt.NDArray[np.int32]) -> list[IntArray]:
    """Steps of each role's top line. `notes` (N, 4): onset, length, pitch, role."""
    result = []
    for role in np.unique(notes[:, 3]).tolist():
        voice = notes[notes[:, 3] == role]
        voice = voice[np.lexsort((-voice[:, 2], voice[:, 0]))]
        top = voice[np.concatenate([[True], np.diff(voice[:, 0]) > 0])].astype(np.int64)
        interval = np.clip(np.diff(top[:, 2]), -30, 30) + 30
        wait = np.minimum(np.diff(top[:, 0]), _LONGEST_WAIT)
        result.append(interval * (_LONGEST_WAIT + 1) + wait)
    return result


def joined(rows: Iterable[IntArray]) -> IntArray:
    """Lines one after the other with a break behind each."""
    parts = [part for row in rows if len(row) for part in (row, np.array([_BREAK]))]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def longest_shared(query: IntArray, against: IntArray) -> list[Passage]:
    """The longest run at each place of `query` that stands anywhere in `against`; length 0 where none does.

    Runs grow by one step a round, by hashes of all runs of that length; only places still matched go on.
    """
    length = np.zeros(len(query), dtype=np.int64)
    found = np.full(len(query), -1, dtype=np.int64)
    ours, theirs = np.flatnonzero(query >= 0), np.flatnonzero(against >= 0)
    our_hash, their_hash = np.zeros(len(ours), np.uint64), np.zeros(len(theirs), np.uint64)
    size = 0
    while len(ours) and len(theirs):
        our_hash = our_hash * _PRIME + query[ours + size].astype(np.uint64) + np.uint64(1)
        their_hash = their_hash * _PRIME + against[theirs + size].astype(np.uint64) + np.uint64(1)
        order = np.argsort(their_hash, kind="stable")
        sorted_hash = their_hash[order]
        place = np.minimum(np.searchsorted(sorted_hash, our_hash), len(sorted_hash) - 1)
        hit = sorted_hash[place] == our_hash
        ours, our_hash, place = ours[hit], our_hash[hit], place[hit]
        size += 1
        length[ours], found[ours] = size, theirs[order[place]]
        kept = np.isin(their_hash, our_hash)
        theirs, their_hash = theirs[kept], their_hash[kept]
        go = (ours + size < len(query)) & (query[np.minimum(ours + size, len(query) - 1)] >= 0)
        ours, our_hash = ours[go], our_hash[go]
        go = (theirs + size < len(against)) & (against[np.minimum(theirs + size, len(against) - 1)] >= 0)
        theirs, their_hash = theirs[go], their_hash[go]
    return [Passage(k, int(n), int(at)) for k, (n, at) in enumerate(zip(length, found, strict=True))]


def melodic(query: IntArray, passage: Passage) -> bool:
    """Whether the passage is more than a figure."""
    return len(np.unique(query[passage.start : passage.start + passage.length])) >= LEAST_KINDS


def excerpts(rows: Iterable[IntArray]) -> list[IntArray]:
    """Every whole excerpt of `EXCERPT` steps."""
    return [row[k : k + EXCERPT] for row in rows for k in range(0, len(row) - EXCERPT + 1, EXCERPT)]


def longest_of_each(cut: list[IntArray], against: IntArray) -> list[Passage]:
    """For each excerpt its longest melodic passage shared with `against`, placed in the joined excerpts."""
    query = joined(cut)
    best = [Passage(k * (EXCERPT + 1), 0, -1) for k in range(len(cut))]
    for passage in longest_shared(query, against):
        index = passage.start // (EXCERPT + 1)
        if passage.length > best[index].length and melodic(query, passage):
            best[index] = passage
    return best


def written(preset: str, seed: int, quarters: int, scope: Scope) -> list[IntArray]:
    """Lines of one generated piece under a random curve, two quarters a second."""
    generator = Generator(*playable(read(scope.weights)), manner_of(PRESETS[preset]), seed)
    curve = random_curve(seed, quarters / 2 + 10)
    rows: list[tuple[int, int, int, int]] = []
    done = 0
    while done < quarters:
        valence, arousal = curve[min(done * CURVE_HZ // 2, len(curve) - 1)]
        for beat in generator.advance(float(valence), float(arousal)):
            rows += [(STEPS_PER_QUARTER * done + n.step, n.length, n.pitch, n.role) for n in beat.notes]
            done += 1
    return lines(np.array(rows, dtype=np.int32).reshape(-1, 4))


def run(scope: Scope | None = None) -> list[Figure]:
    scope = scope or Scope()
    if not CACHE.is_file() and not SCORES.is_dir():
        Console(stderr=True).print(f"originality: skipped, there is neither {CACHE} nor {SCORES}")
        return []
    scores = corpus.load(SCORES, CACHE)
    known = joined(line for s in scores if not is_held_out(s.composer) for line in lines(s.notes))
    seeds = scope.seeds or (3 if scope.full else 1)
    wanted = [(preset, seed + 1) for preset in scope.presets for seed in range(seeds)]
    quarters = FULL_QUARTERS if scope.full else QUARTERS
    console = Console(stderr=True)
    ours = []
    for preset, seed in track(wanted, "originality", console=console, transient=True):
        ours += excerpts(written(preset, seed, quarters, scope))
    unseen = excerpts(line for s in scores if is_held_out(s.composer) for line in lines(s.notes))
    if not ours:
        console.print("originality: skipped, too few notes were written for one excerpt")
        return []
    # As many excerpts of real music, so that neither side has more chances of a long match.
    chosen = np.random.default_rng(0).choice(len(unseen), min(len(ours), len(unseen)), replace=False)
    theirs = [unseen[k] for k in chosen]
    ours_best, theirs_best = longest_of_each(ours, known), longest_of_each(theirs, known)
    ours_n = np.array([p.length for p in ours_best])
    theirs_n = np.array([p.length for p in theirs_best])
    _write(scope, ours_n, theirs_n)
    figures = [Figure("originality: excerpts on each side", len(ours), "")]
    for word, percent in (("longest", 100), ("95th percentile", 95), ("median", 50)):
        real = float(np.percentile(theirs_n, percent))
        got = float(np.percentile(ours_n, percent))
        figures += [
            below(f"originality: passage shared with the corpus, {word}", got, "steps", real),
            Figure(f"originality: the same in held-out real music, {word}", real, "steps"),
        ]
    return figures


def _write(scope: Scope, ours: IntArray, theirs: IntArray) -> None:
    from matplotlib.figure import Figure as Canvas

    scope.folder.mkdir(parents=True, exist_ok=True)
    table = {"excerpt_steps": EXCERPT, "generated": ours.tolist(), "held_out": theirs.tolist()}
    (scope.folder / "originality.json").write_text(json.dumps(table) + "\n", encoding="utf-8")
    canvas = Canvas(figsize=(7, 4), layout="constrained")
    panel = canvas.subplots()
    bins = np.arange(0.5, max(ours.max(), theirs.max()) + 1.5).tolist()
    panel.hist([ours, theirs], bins=bins, density=True, label=["generated", "held-out real music"])
    panel.set_xlabel(f"longest passage shared with the corpus in an excerpt of {EXCERPT} melody steps")
    panel.legend()
    canvas.savefig(scope.folder / "originality.png", dpi=90)
