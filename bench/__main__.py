"""`make bench`, or `python -m bench [part ...]`: run the parts named (default: all) and print one table."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.report import Figure, machine, save, show
from bench.scope import Scope
from composer.presets import PRESETS
from composer.weights import SHIPPED

ALONE = ("sensor", "sound", "loopback")
OF_COMPOSER = ("composer", "control", "anchor", "endless", "originality", "cost", "latency")
OF_SERVICE = ("capacity", "company")
DEFAULT = ("sensor", "sound", "composer", "loopback")
"""`composer` is all that follow it in `OF_COMPOSER`."""


def main(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help="Parts to run: " + ", ".join((*ALONE, *OF_COMPOSER, *OF_SERVICE))),
    ] = None,
    out: Annotated[Path, typer.Option("--json", "--out", help="JSON of the figures.")] = Path(
        "artifacts/bench.json"
    ),
    full: Annotated[
        bool,
        typer.Option(help="Full lengths: the composer's take about an hour, capacity's a quarter of one."),
    ] = False,
    preset: Annotated[list[str] | None, typer.Option(help="Only this preset; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(min=0, help="Pieces per preset; 0 leaves it to the part.")] = 0,
    weights: Annotated[Path, typer.Option(help="Folder of the composer's weights.")] = SHIPPED,
    workers: Annotated[int, typer.Option(min=1, help="Pieces played at once.")] = Scope.workers,
) -> None:
    console = Console()
    for name in preset or ():
        if name not in PRESETS:
            raise typer.BadParameter(f"{name} is not one of {', '.join(PRESETS)}")
    scope = Scope(full, tuple(preset or PRESETS), seeds, weights, out.parent, workers)
    figures: list[Figure] = []
    for part in parts or DEFAULT:
        if part in OF_COMPOSER + OF_SERVICE:
            figures += importlib.import_module(f"bench.{part}").run(scope)
        elif part in ALONE:
            with console.status(f"measuring: {part}"):
                figures += importlib.import_module(f"bench.{part}").run()
        else:
            raise typer.BadParameter(f"{part} is not one of {', '.join((*ALONE, *OF_COMPOSER, *OF_SERVICE))}")
    show(figures, console, machine())
    save(figures, out)


if __name__ == "__main__":
    typer.run(main)
