"""Curves from files: what is read, what is refused and where, what is mended and said."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from composer.affect_curve import CurveError, constant, parse_curve, read_curve

HEAD = "t_s,valence,arousal"


def lines(*rows: str) -> list[str]:
    return [f"{row}\n" for row in (HEAD, *rows)]


def test_points_are_joined_by_straight_lines_and_held_outside() -> None:
    curve = parse_curve(lines("1,-0.5,0", "3,0.5,1"))
    assert curve.at(0.0) == curve.at(1.0) == (-0.5, 0.0)
    assert curve.at(2.0) == pytest.approx((0.0, 0.5))
    assert curve.at(3.0) == curve.at(99.0) == (0.5, 1.0)
    assert curve.end_s == 3.0 and curve.remarks == () and curve.cuts_s == ()


def test_columns_are_found_by_name_and_cuts_are_kept() -> None:
    rows = ["path,t_s,valence,arousal,confidence,cut", "a.mp4,0,0.1,0.2,1,0", "a.mp4,0.5,0.3,0.4,1,1"]
    curve = parse_curve(rows)
    assert curve.at(0.5) == (0.3, 0.4) and curve.cuts_s == (0.5,)


def test_one_point_is_a_constant() -> None:
    assert parse_curve(lines("4,0.25,-0.75")).at(0.0) == constant(0.25, -0.75).at(7.0)


@pytest.mark.parametrize(
    ("rows", "line", "word"),
    [
        (["0,nan,0"], 2, "valence"),
        (["0,0,0", "1,0,inf"], 3, "arousal"),
        (["0,0,0", "", "1,zero,0"], 4, "zero"),
        (["0,0,0", "1,0"], 3, "arousal"),
        (["0,0,0", "2,0,0", "1,0,0"], 4, "increase"),
        (["0,0,0", "0,0,0"], 3, "increase"),
        (["-1,0,0"], 2, "t_s"),
        (["1e9,0,0"], 2, "t_s"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(rows: list[str], line: int, word: str) -> None:
    with pytest.raises(CurveError, match=rf"c.csv, line {line}: .*{word}"):
        parse_curve(lines(*rows), "c.csv")


@pytest.mark.parametrize("text", [[], ["time,v,a\n", "0,0,0\n"], ["0,0.5,0.5\n"]])
def test_a_file_without_the_names_of_its_columns_is_refused(text: list[str]) -> None:
    with pytest.raises(CurveError, match="line 1: no column"):
        parse_curve(text)


def test_a_curve_without_points_is_refused() -> None:
    with pytest.raises(CurveError, match="no points"):
        parse_curve(lines())


def test_affect_out_of_range_is_clamped_and_said_so() -> None:
    curve = parse_curve(lines("0,0,0", "1,1.5,-9", "2,-3,0"))
    assert curve.at(1.0) == (1.0, -1.0) and curve.at(2.0) == (-1.0, 0.0)
    assert len(curve.remarks) == 1 and "line 3 and 1 more" in curve.remarks[0]


def test_a_gap_is_crossed_and_said_so() -> None:
    curve = parse_curve(lines("0,0,0", "1,0,0", "41,1,0"))
    assert curve.at(21.0) == pytest.approx((0.5, 0.0))
    assert "40.0 s" in curve.remarks[0] and "line 4" in curve.remarks[0]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"t_s,valence,arousal\n0,0,\x000\n"])
def test_bytes_that_are_not_text_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "curve.csv"
    path.write_bytes(content)
    with pytest.raises(CurveError, match=r"curve\.csv(, line 2| is not text in UTF-8)"):
        read_curve(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CurveError, match=r"cannot be read \([NI][^\[]*\): give"):
            read_curve(path)


def test_a_mark_at_the_start_of_the_file_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(f"\ufeff{HEAD}\r\n0,0.5,0.5\r\n", encoding="utf-8")
    assert read_curve(path).at(0.0) == (0.5, 0.5)


@pytest.mark.parametrize("wild", [1.01, -2.0, math.nan, math.inf])
def test_a_constant_out_of_range_is_refused(wild: float) -> None:
    with pytest.raises(CurveError, match="arousal"):
        constant(0.0, wild)
