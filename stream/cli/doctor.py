"""The command that says which composers this machine plays in real time, by playing them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.music import DEFAULT_MODEL, MusicGenAdapterOption, MusicGenGuidanceOption, MusicGenOption
from stream.cli.terminal import VerboseOption, log_to_console

if TYPE_CHECKING:
    from pathlib import Path

    from stream.ports import Composer

ENOUGH = 1.2
"""Times real time: the picture is read and the sound is sent on the same machine."""
BLOCK_SAMPLES = 960


class Finding(NamedTuple):
    """`factor` is seconds of music made in a second; None where it could not be played."""

    composer: str
    factor: float | None
    remark: str

    @property
    def plays(self) -> bool:
        return self.factor is not None and self.factor >= ENOUGH


def doctor(
    musicgen: MusicGenOption = DEFAULT_MODEL,
    musicgen_adapter: MusicGenAdapterOption = None,
    musicgen_guidance: MusicGenGuidanceOption = 3.0,
    verbose: VerboseOption = False,
) -> None:
    """Play each composer unheard for some seconds and say whether it holds real time here."""
    log_to_console(verbose)
    findings = [symbolic(), of_musicgen(musicgen, musicgen_adapter, musicgen_guidance)]
    if musicgen_guidance > 1.0 and not findings[-1].plays and findings[-1].factor is not None:
        findings.append(of_musicgen(musicgen, musicgen_adapter, 1.0))
    table = Table(title="Composers on this machine", title_justify="left")
    table.add_column("composer")
    table.add_column("real time")
    table.add_column("factor", justify="right")
    table.add_column("")
    for found in findings:
        factor = "" if found.factor is None else f"{found.factor:.2f}"
        table.add_row(found.composer, "[green]yes[/]" if found.plays else "[red]no[/]", factor, found.remark)
    Console().print(table)
    if not any(found.plays for found in findings):
        raise typer.Exit(1)


def symbolic() -> Finding:
    from composer.errors import ComposerError
    from composer.symbolic import create

    try:
        factor = measured(create(), skipped=150, counted=500)
    except (ComposerError, OSError) as error:
        return Finding("symbolic", None, str(error))
    return Finding("symbolic", factor, remark(factor))


def of_musicgen(model: str, adapter: Path | None, guidance: float) -> Finding:
    from composer.errors import ComposerError

    name = f"musicgen, guidance {guidance:g}"
    try:
        from composer.musicgen.factory import MusicGenFactory
        from composer.musicgen.geometry import Manner
        from composer.musicgen.loading import Options

        options = Options(model, adapter=adapter, manner=Manner(guidance=guidance))
        # Until both lanes are at work a step costs less than it will.
        factor = measured(MusicGenFactory(options)(), skipped=300, counted=150)
    except ComposerError as error:
        return Finding(name, None, str(error))
    except ImportError as error:
        return Finding(name, None, f"{error.name} is missing: pip install 'narrascore-live\\[musicgen]'")
    return Finding(name, factor, remark(factor))


def measured(composer: Composer, skipped: int, counted: int) -> float:
    """Seconds of music made in a second, over `counted` blocks after `skipped`."""
    composer.prime("cinematic", 0)
    took = []
    for _ in range(skipped + counted):
        began = time.perf_counter()
        composer.render(BLOCK_SAMPLES)
        took.append(time.perf_counter() - began)
    # Summed, not the median: the symbolic composer's work is not spread evenly.
    return counted * BLOCK_SAMPLES / 48_000 / sum(took[skipped:])


def remark(factor: float) -> str:
    if factor >= ENOUGH:
        return ""
    if factor >= 1.0:
        return f"real time alone, but without the {100 * (ENOUGH - 1):.0f} % that reading and sending need"
    return f"a second of music takes {1.0 / factor:.1f} s here"
