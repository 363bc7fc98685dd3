from __future__ import annotations

from pathlib import Path

import pytest

from composer.piano_roll import PianoRoll, Span
from composer.played import Begun, Sounded

SECOND = 48_000


def roll() -> PianoRoll:
    made = PianoRoll()
    made.add(Begun(0, SECOND, 0, 0, 12, 24, False))
    made.add(Sounded(0, "cello@bass", 40, 0.5))
    made.add(Sounded(0, "kick_soft@drums", 36, 0.9))
    made.add(Sounded(100, "kick_soft@drums", 36, 0.0))
    made.add(Begun(SECOND, SECOND, 0, 12, 12, 24, False))
    made.add(Sounded(SECOND, "cello@bass", 40, 0.0))
    made.add(Begun(2 * SECOND, SECOND, 1, 0, 12, 24, False))
    made.add(Sounded(2 * SECOND, "violin@lead", 76, 0.3))
    made.finish(3 * SECOND)
    return made


def test_notes_become_spans_and_open_ones_end_with_the_piece() -> None:
    spans = {span.pitch: span for span in roll().spans}
    assert spans[40] == Span(0.0, 1.0, 40, "cello@bass", "bass", 0.5)
    assert (spans[76].start_s, spans[76].end_s, spans[76].section) == (2.0, 3.0, "lead")
    assert len(spans) == 3


def test_a_bar_line_stands_where_a_bar_begins() -> None:
    assert roll().bars_s == [0.0, 2.0]


def test_an_end_without_a_start_is_nothing() -> None:
    made = PianoRoll()
    made.add(Sounded(0, "cello@bass", 40, 0.0))
    assert made.spans == []


@pytest.mark.parametrize("made", [roll(), PianoRoll()], ids=["notes", "silence"])
def test_it_can_be_drawn(made: PianoRoll, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    made.draw(axes, 0.0, 3.0)
    low, high = axes.get_ylim()
    assert all(low < span.pitch < high for span in made.spans if span.section != "drums")
    figure.savefig(tmp_path / "roll.png")
    pyplot.close(figure)
    assert (tmp_path / "roll.png").stat().st_size > 1000
