"""An affect curve from a file: valence and arousal over time, read, checked, and straight lines between.

    curve = read_curve(Path("curve.csv"))   # columns t_s,valence,arousal; more columns are left alone
    curve.at(12.5)                           # (valence, arousal), held before the first point, after the last
    curve.remarks                            # what was changed on reading, in sentences

What `narrascore sense` writes for one clip can be read as it is; a `cut` column, if there is one, marks cuts.
What cannot be meant (text, NaN, time that does not increase) is an error that names the line; what can be (a
value a little out of range, a long gap) is mended and remarked upon.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from composer.errors import ComposerError

COLUMNS = ("t_s", "valence", "arousal")
GAP_S = 10.0
"""A longer gap between two points is remarked upon."""
MOST_POINTS = 1_000_000
LONGEST_S = 24 * 3600.0


class CurveError(ComposerError, ValueError):
    """The file holds no curve; the message names the line and says what was expected."""


class Point(NamedTuple):
    """Affect at `t_s`, both axes in [-1, 1]."""

    t_s: float
    valence: float
    arousal: float


@dataclass(frozen=True)
class AffectCurve:
    """Points in order of time, and the times of cuts."""

    points: tuple[Point, ...]
    cuts_s: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def end_s(self) -> float:
        """Time of the last point."""
        return self.points[-1].t_s

    def at(self, t_s: float) -> tuple[float, float]:
        """(valence, arousal) at `t_s`: on the straight line between two points, held outside of them."""
        after = bisect_right(self.points, t_s, key=lambda point: point.t_s)
        left = self.points[max(after - 1, 0)]
        right = self.points[min(after, len(self.points) - 1)]
        if right.t_s <= left.t_s:
            return left.valence, left.arousal
        x = (t_s - left.t_s) / (right.t_s - left.t_s)
        return (
            left.valence + (right.valence - left.valence) * x,
            left.arousal + (right.arousal - left.arousal) * x,
        )


def constant(valence: float, arousal: float) -> AffectCurve:
    """The same affect for ever.

    Raises:
        CurveError: a value is not a number from -1 to 1.
    """
    for name, value in (("valence", valence), ("arousal", arousal)):
        if not -1.0 <= value <= 1.0:
            raise CurveError(f"{name} is {value:g}; it must be a number from -1 to 1.")
    return AffectCurve((Point(0.0, valence, arousal),))


def read_curve(path: Path) -> AffectCurve:
    """The curve in the CSV file `path`.

    Raises:
        CurveError: it cannot be read, or a line does not say what it should.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return parse_curve(file, str(path))
    except OSError as error:
        raise CurveError(f"{path} cannot be read ({error.strerror}): give a CSV file.") from error
    except UnicodeDecodeError as error:
        raise CurveError(f"{path} is not text in UTF-8: save it as CSV in UTF-8.") from error


def parse_curve(lines: Iterable[str], name: str = "curve") -> AffectCurve:
    """The curve in the lines of a CSV file; `name` stands in its errors.

    Raises:
        CurveError: see `read_curve`.
    """
    rows = csv.reader(lines)
    try:
        header = [cell.strip().lower() for cell in next(rows, [])]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise CurveError(
                f"{name}, line 1: no column {', '.join(missing)}; "
                f"the first line must name {','.join(COLUMNS)}, with commas between."
            )
        return _curve(_numbers(((rows.line_num, row) for row in rows), header, name), name)
    except csv.Error as error:
        raise CurveError(f"{name}, line {rows.line_num}: not CSV ({error}).") from error


class _Row(NamedTuple):
    line: int
    point: Point
    cut: bool


def _numbers(rows: Iterable[tuple[int, list[str]]], header: list[str], name: str) -> Iterator[_Row]:
    places = [header.index(column) for column in COLUMNS]
    cut_at = header.index("cut") if "cut" in header else -1
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        values = []
        for column, place in zip(COLUMNS, places, strict=True):
            text = row[place].strip() if place < len(row) else ""
            try:
                value = float(text)
            except ValueError:
                value = math.nan
            if not math.isfinite(value):
                raise CurveError(f"{name}, line {line}: {column} is {text[:40]!r}, which is not a number.")
            values.append(value)
        cut = 0 <= cut_at < len(row) and row[cut_at].strip() not in ("", "0", "0.0", "False", "false")
        yield _Row(line, Point(*values), cut)


def _curve(rows: Iterator[_Row], name: str) -> AffectCurve:
    points: list[Point] = []
    cuts: list[float] = []
    clamped: list[int] = []
    gaps: list[tuple[int, float]] = []
    for line, point, cut in rows:
        if not 0.0 <= point.t_s <= LONGEST_S:
            raise CurveError(
                f"{name}, line {line}: t_s is {point.t_s:g}; it must be from 0 to {LONGEST_S:g}."
            )
        if points and point.t_s <= points[-1].t_s:
            raise CurveError(
                f"{name}, line {line}: t_s is {point.t_s:g} after {points[-1].t_s:g}; time must increase."
            )
        if len(points) >= MOST_POINTS:
            raise CurveError(f"{name}, line {line}: more than {MOST_POINTS:,} points.")
        if points and point.t_s - points[-1].t_s > GAP_S:
            gaps.append((line, point.t_s - points[-1].t_s))
        held = Point(point.t_s, _unit(point.valence), _unit(point.arousal))
        if held != point:
            clamped.append(line)
        points.append(held)
        if cut:
            cuts.append(point.t_s)
    if not points:
        raise CurveError(f"{name}: no points; at least one line must follow the names of the columns.")
    return AffectCurve(tuple(points), tuple(cuts), tuple(_remarks(name, clamped, gaps)))


def _remarks(name: str, clamped: list[int], gaps: list[tuple[int, float]]) -> Iterator[str]:
    if clamped:
        where = f"line {clamped[0]}" + (f" and {len(clamped) - 1} more" if len(clamped) > 1 else "")
        yield f"{name}, {where}: affect outside [-1, 1] was clamped."
    if gaps:
        line, longest = max(gaps, key=lambda gap: gap[1])
        count = f"{len(gaps)} gaps" if len(gaps) > 1 else "a gap"
        yield f"{name}: {count} of up to {longest:.1f} s (before line {line}), crossed in a straight line."


def _unit(value: float) -> float:
    return min(max(value, -1.0), 1.0)
