"""A run that a busy machine spoilt is said to be one, and is no success."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from stream.cli import live
from stream.cli.__main__ import make_command
from stream.demo import run as work
from stream.demo.figures import Figures, spoilt
from stream.demo.shortfall import Shortfall, shortfall
from stream.errors import StreamError
from stream.process_cost import Cost
from tests.stream.demo.test_run import take

BEGAN_S = 100.0


def short(
    readings_hz: float = 8.0, sounding: float = 1.0, received: float = 1.0, seconds: float = 10.0
) -> Shortfall:
    """Of a run whose parts went on at that rate, or for that share of the time."""
    blocks = range(round(50 * seconds))
    times = [BEGAN_S + 0.02 * block for block in blocks]
    return shortfall(
        seconds,
        [BEGAN_S + number / readings_hz for number in range(round(readings_hz * seconds))],
        [(t_s, 960) for t_s in times[: round(sounding * len(times))]],
        times[: round(received * len(times))],
        BEGAN_S,
    )


@pytest.mark.parametrize("figures", [{}, {"readings_hz": 2.0}, {"sounding": 0.96}, {"seconds": 30.0}])
def test_a_run_that_went_well_enough_is_none(figures: dict[str, float]) -> None:
    assert short(**figures) == Shortfall((), nothing=False)


@pytest.mark.parametrize(
    ("figures", "says", "nothing"),
    [
        ({"readings_hz": 1.5}, "read 15 times in 10 s", False),
        ({"readings_hz": 0.0001}, "read 0 times", True),
        ({"sounding": 0.8}, "For 2.0 of 10 s", False),
        ({"sounding": 0.0}, "For 10.0 of 10 s", True),
        ({"received": 0.0}, "Nothing reached the listener", True),
    ],
)
def test_what_was_too_slow_is_named(figures: dict[str, float], says: str, nothing: bool) -> None:
    got = short(**figures)
    assert says in " ".join(got.sentences) and got.nothing == nothing


def test_what_was_before_the_first_picture_or_after_the_last_is_no_part_of_it() -> None:
    early, late = [BEGAN_S - 1.0] * 100, [BEGAN_S + 10.0] * 100
    got = shortfall(10.0, early + late, [(t_s, 960) for t_s in early + late], early + late, BEGAN_S)
    assert got.nothing and len(got.sentences) == 3


def test_a_run_with_nothing_in_it_writes_nothing() -> None:
    """Nothing was read, played or heard: there is no file to make, and no figure."""
    with pytest.raises(StreamError, match=r"too busy.*read 0 times"):
        spoilt(take(), 10.0)


def test_the_command_says_so_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(*args: object) -> Figures:
        return Figures(0.5, None, None, None, None, 9, Cost(0.4, 400.0), tmp_path, ("It was read 5 times.",))

    monkeypatch.setattr(work, "run", run)
    monkeypatch.setattr(work, "find_clips", list)
    monkeypatch.setattr(work, "check_plotting", lambda: None)
    monkeypatch.setattr(live, "app_or_exit", lambda settings: SimpleNamespace())
    monkeypatch.setattr(live, "keep_for_good", lambda: None)
    result = CliRunner().invoke(make_command(), ["demo", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "too busy" in result.stderr and "It was read 5 times." in result.stderr
    assert "not measured: this machine was too busy" in result.stdout
    assert "nothing moved" not in result.stdout
