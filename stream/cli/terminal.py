"""How the command speaks: one line on failure, logs in color, options every command spells alike."""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

console = Console(stderr=True)

AnchorOption = Annotated[str, typer.Option(help="Style to begin with: a preset's name or free text.")]
SeedOption = Annotated[int | None, typer.Option(help="The same seed and picture give the same piece.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more while running.")]


def fail(message: str) -> typer.Exit:
    console.print(f"[bold red]narrascore:[/] {message}", highlight=False)
    return typer.Exit(1)


def log_to_console(verbose: bool) -> None:
    level = logging.INFO if verbose else logging.WARNING
    handler = RichHandler(console=console, show_path=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    for chatty in ("aioice", "aiortc"):  # at DEBUG they would write addresses and SDP
        logging.getLogger(chatty).setLevel(logging.WARNING)
