"""How the command speaks: one line on failure, logs in color, options every command spells alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

console = Console(stderr=True)

AnchorOption = Annotated[str, typer.Option(help="Style to begin with: a preset's name or free text.")]
SeedOption = Annotated[
    int | None,
    typer.Option(min=0, max=2**31 - 1, help="The same seed and picture give the same piece."),
]
JsonOption = Annotated[bool, typer.Option("--log-json", help="Log to stderr as JSON, one object a line.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more while running.")]


def fail(message: str) -> typer.Exit:
    # Left to the terminal to wrap, so that a path can be copied whole.
    console.print(f"[bold red]narrascore:[/] {escape(message)}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


def log_to_console(verbose: bool, as_json: bool = False) -> None:
    """Once, in a command. As JSON nothing is left out at INFO: it is for programs."""
    level = logging.INFO if verbose or as_json else logging.WARNING
    handler: logging.Handler = RichHandler(console=console, show_path=False)
    if as_json:
        from stream.json_log import JsonFormatter

        handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
    if not as_json:
        handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for chatty in ("aioice", "aiortc"):  # at DEBUG they would write addresses and SDP
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It would warn of every picture of a damaged stream, thirty times a second.
    logging.getLogger("aiortc.rtcrtpreceiver").setLevel(logging.ERROR)


def say_anchor(text: str) -> None:
    """What an anchor was taken to mean, and which of its words meant nothing.

    Raises:
        AnchorError: it cannot be read.
    """
    from composer.anchor import read_anchor

    anchor = read_anchor(text)
    lines = [f"{anchor.preset_name}: {anchor.genre}; {anchor.instrumentation}", f"  {anchor.pacing}"]
    if anchor.ignored:
        lines.append(f"  understood: {', '.join(anchor.understood) or 'nothing'}")
        lines.append(f"  not understood: {', '.join(anchor.ignored)}")
    console.print("\n".join(lines), highlight=False, markup=False)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on the terminal; hand it the share that is done, 0 to 1."""
    from rich.progress import Progress

    with Progress(console=console) as progress:
        bar = progress.add_task(what, total=1.0)
        yield lambda done: progress.update(bar, completed=done)


def say_speed(path: Path, seconds: float, took_s: float) -> None:
    """What was written, how long it is, and how fast that went."""
    speed = f"{seconds:.1f} s in {took_s:.1f} s, {seconds / max(took_s, 1e-3):.1f} times as fast as it sounds"
    console.print(f"{path}: {speed}", highlight=False, markup=False)
