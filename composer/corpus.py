"""Scores on disk to plain note arrays: the only module that knows MusicXML.

A score becomes integer rows on a grid of `STEPS_PER_QUARTER` steps, so everything after this file is
arithmetic. Twelve steps hold sixteenths and triplet eighths exactly; thirty-seconds and grace notes are
rounded (method: nearest step, at least one step long).

Needs the `train` extra (partitura). Nothing here runs when music is played.
"""

from __future__ import annotations

import csv
import logging
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track

from composer.errors import CorpusError
from composer.score import BASS, LEAD, MIDDLE, STEPS_PER_QUARTER, UPPER

log = logging.getLogger(__name__)

IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Score:
    """One piece.

    `notes` is int32 (N, 4): onset step, duration in steps, MIDI pitch, role; sorted by onset.
    `bars` is int32 (B, 2): start step and length in steps of each bar.
    `ensemble` is "lied" or "quartet"; `name` is the file's stem.
    """

    name: str
    composer: str
    ensemble: str
    notes: IntArray
    bars: IntArray


def _roles(part_count: int, index: int, staves: int, staff: int, ensemble: str) -> int:
    """Role of a note from where it is written."""
    if ensemble == "quartet":
        return (LEAD, UPPER, MIDDLE, BASS)[min(index * 4 // max(part_count, 1), 3)]
    if staves > 1:
        return UPPER if staff == 1 else BASS
    if part_count == 1:
        return UPPER
    return LEAD if index == 0 else MIDDLE


def parse(path: Path, composer: str, ensemble: str) -> Score:
    """Read one MusicXML file.

    Raises:
        CorpusError: the file has no bars or no notes, or partitura cannot read it.
    """
    import partitura

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            score = partitura.load_score(str(path))
        except Exception as error:  # partitura raises whatever its parser hit
            raise CorpusError(f"{path}: partitura cannot read it: {error}") from error
        rows: list[tuple[int, int, int, int]] = []
        bars: dict[int, int] = {}
        for index, part in enumerate(score.parts):
            # Written once per part, the same in all: the first part to name a bar wins.
            for measure in part.iter_all(partitura.score.Measure):
                start, end = (
                    round(float(part.quarter_map(t.t)) * STEPS_PER_QUARTER)
                    for t in (measure.start, measure.end)
                )
                if end > start:
                    bars.setdefault(start, end - start)
            notes = part.note_array(include_staff=True)
            if len(notes) == 0:
                continue
            staves = len(np.unique(notes["staff"]))
            for note in notes:
                role = _roles(len(score.parts), index, staves, int(note["staff"]), ensemble)
                onset = round(float(note["onset_quarter"]) * STEPS_PER_QUARTER)
                length = max(round(float(note["duration_quarter"]) * STEPS_PER_QUARTER), 1)
                rows.append((onset, length, int(note["pitch"]), role))
    if not rows or not bars:
        raise CorpusError(f"{path}: no notes or no bars in it")
    note_table = np.unique(np.array(rows, dtype=np.int32), axis=0)
    bar_table = np.array(sorted(bars.items()), dtype=np.int32)
    # Pick-up bars may start below zero: move everything so that the first bar starts at 0.
    first = bar_table[0, 0]
    note_table[:, 0] -= first
    bar_table[:, 0] -= first
    return Score(path.stem, composer, ensemble, note_table, bar_table)


def _parse_row(row: tuple[Path, str, str]) -> Score | str:
    try:
        return parse(*row)
    except CorpusError as error:
        return str(error)


def catalogue(data: Path) -> list[tuple[Path, str, str]]:
    """(path, composer, ensemble) of every score listed in the two index files under `data`.

    Raises:
        CorpusError: an index is missing.
    """
    rows: list[tuple[Path, str, str]] = []
    for folder, ensemble in (("lieder", "lied"), ("quartets", "quartet")):
        index = data / folder / "index.csv"
        if not index.is_file():
            raise CorpusError(
                f"{index} is missing: --data must name the folder that holds lieder/ and quartets/"
            )
        with index.open(encoding="utf-8", newline="") as lines:
            rows += [(index.parent / row["file"], row["composer"], ensemble) for row in csv.DictReader(lines)]
    return rows


def load(data: Path, cache: Path, workers: int = 2) -> list[Score]:
    """Every readable score under `data`; the parsed notes are kept in the file `cache` (npz, no pickle)."""
    if not cache.is_file():
        rows = catalogue(data)
        scores: list[Score] = []
        with ProcessPoolExecutor(workers) as pool:
            for result in track(pool.map(_parse_row, rows, chunksize=4), "reading scores", total=len(rows)):
                if isinstance(result, str):
                    log.warning("left out: %s", result)
                else:
                    scores.append(result)
        _write(scores, cache)
    return list(_read(cache))


def _write(scores: list[Score], cache: Path) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        cache,
        names=np.array([s.name for s in scores]),
        composers=np.array([s.composer for s in scores]),
        ensembles=np.array([s.ensemble for s in scores]),
        notes=np.concatenate([s.notes for s in scores]),
        bars=np.concatenate([s.bars for s in scores]),
        note_counts=np.array([len(s.notes) for s in scores]),
        bar_counts=np.array([len(s.bars) for s in scores]),
    )


def _read(cache: Path) -> Iterator[Score]:
    with np.load(cache, allow_pickle=False) as table:
        note_ends = np.cumsum(table["note_counts"])
        bar_ends = np.cumsum(table["bar_counts"])
        all_notes, all_bars = table["notes"], table["bars"]
        columns = zip(
            table["names"],
            table["composers"],
            table["ensembles"],
            np.split(all_notes, note_ends[:-1]),
            np.split(all_bars, bar_ends[:-1]),
            strict=True,
        )
        for name, composer, ensemble, notes, bars in columns:
            yield Score(str(name), str(composer), str(ensemble), notes, bars)
