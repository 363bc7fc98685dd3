"""Anchors, affect curves, model files, and the state a composer is resumed from."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer import weights
from composer.affect_curve import parse_curve
from composer.anchor import read_anchor
from composer.errors import ComposerError
from composer.symbolic import create
from sensor.errors import SensorError
from sensor.probe import load_probe, shipped_folder
from sensor.reading import Reading
from sensor.window import PRESETS, AffectWindow
from tests.fuzz.damage import damaged_bytes, damaged_lines
from tests.fuzz.effort import count, fuzz

WORDS = [
    "slow",
    "piano",
    "no",
    "drums",
    "without",
    "at",
    "120",
    "bpm",
    "999999999999",
    "-3",
    "NaN",
    "dark",
    "jazz",
]
WORDS += ["very", "and", ",", "\0", "é" * 10, "\u202e", "half-time", "1e308", "strings", "cinematic", "4/4"]


@fuzz(150)
@given(st.text(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_anchors_are_read_or_refused(text: str) -> None:
    count("anchors")
    with contextlib.suppress(ComposerError):
        anchor = read_anchor(text)
        assert anchor.preset_name and anchor.pacing


CURVE = "t_s,valence,arousal,cut\n0,0.1,-0.2,0\n1.5,0.5,0.5,1\n2,-1,1,0\n10,0,0,\n"


@fuzz(150)
@given(damaged_lines(CURVE) | st.text(max_size=100))
def test_affect_curves_are_read_or_refused(text: str) -> None:
    count("curves")
    try:
        curve = parse_curve(io.StringIO(text, newline=""))
    except ComposerError:
        return
    for t_s in (-1.0, 0.0, 1.7, 1e9):
        assert all(-1.0 <= value <= 1.0 for value in curve.at(t_s))


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-1, 1)
READINGS = st.builds(Reading, st.floats(0, 30) | NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.booleans())


@fuzz(60)
@given(st.lists(READINGS, max_size=20), st.sampled_from(sorted(PRESETS)))
def test_a_window_keeps_its_range_whatever_it_is_told(readings: list[Reading], preset: str) -> None:
    window = AffectWindow(preset)
    for n, reading in enumerate(readings):
        count("readings")
        window.add(reading)
        affect = window.estimate(float(n))
        assert (
            -1.0 <= affect.valence <= 1.0
            and -1.0 <= affect.arousal <= 1.0
            and 0.0 <= affect.confidence <= 1.0
        )


@functools.cache
def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@fuzz(12)
@given(st.data())
def test_model_files_that_were_damaged_are_refused(data: st.DataObject) -> None:
    count("model files")
    for whole, load in ((weights.SHIPPED, weights.read), (shipped_folder(), load_probe)):
        names = sorted(files(whole))
        hit = data.draw(st.sampled_from(names))
        damaged = data.draw(damaged_bytes(files(whole)[hit]))
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                if name == hit:
                    (Path(folder) / name).write_bytes(damaged)
                else:
                    (Path(folder) / name).symlink_to(whole / name)
            try:
                load(Path(folder))
            except (ComposerError, SensorError):
                continue
            assert hit.endswith(".json") or damaged == files(whole)[hit], f"{hit} was damaged and taken"


CARDS = st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=3)


@fuzz(20)
@given(st.data())
def test_cards_with_other_values_are_refused(data: st.DataObject) -> None:
    """JSON that is whole, with one value of another kind."""
    count("model cards")
    value: object = data.draw(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | CARDS | st.just([]) | st.just(1.5)
    )
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(weights.SHIPPED, folder, dirs_exist_ok=True)
        card = json.loads((weights.SHIPPED / weights.CARD).read_text())
        part = data.draw(st.sampled_from([card, card["model"], card["files"], card["adapter"]]))
        key = data.draw(st.sampled_from(sorted(part)))
        same, part[key] = part[key] == value, value
        (Path(folder) / weights.CARD).write_text(json.dumps(card))
        try:
            decoder, _ = weights.playable(weights.read(Path(folder)))
        except ComposerError:
            return
        assert decoder is not None and (
            same or part is card or isinstance(value, int | float) or value is None
        )


@functools.cache
def state() -> bytes:
    with closing(create()) as composer:
        composer.prime("cinematic", 7)
        composer.render(48_000)
        return composer.state()


@fuzz(30)
@given(st.data())
def test_a_damaged_state_is_refused_and_the_composer_can_begin_anew(data: st.DataObject) -> None:
    count("composer state")
    damaged = data.draw(damaged_bytes(state()) | st.binary(max_size=200))
    if damaged == state():
        return
    with closing(create()) as composer, pytest.raises(ComposerError):
        composer.restore(damaged, exact=False)


def test_after_a_refused_state_music_plays() -> None:
    with closing(create()) as composer:
        with pytest.raises(ComposerError):
            composer.restore(state()[:-1], exact=False)
        composer.restore(state(), exact=False)
        composer.steer(float("nan"), float("inf"), 0)
        composer.steer(-7.0, 1e30, 5)
        pcm = composer.render(4800)
    assert pcm.shape == (4800, 2) and np.isfinite(pcm).all() and np.abs(pcm).max() <= 1.0
