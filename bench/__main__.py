"""`make bench`, or `python -m bench [part ...]`: run the parts named (default: all) and print one table."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.report import Figure, machine, save, show
from stream.cli.threads import one_thread_each

PARTS = ("sensor", "sound", "composer", "control", "loopback")


def main(
    parts: Annotated[list[str] | None, typer.Argument(help="Parts to run: " + ", ".join(PARTS))] = None,
    out: Annotated[Path, typer.Option(help="JSON of the figures.")] = Path("artifacts/bench.json"),
) -> None:
    console = Console()
    figures: list[Figure] = []
    for part in parts or PARTS:
        if part not in PARTS:
            raise typer.BadParameter(f"{part} is not one of {', '.join(PARTS)}")
        with console.status(f"measuring: {part}"):
            figures += importlib.import_module(f"bench.{part}").run()
    show(figures, console, machine())
    save(figures, out)


if __name__ == "__main__":
    one_thread_each()
    typer.run(main)
