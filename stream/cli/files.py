"""Commands that work on files: sense."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stream.cli.terminal import VerboseOption, console, fail, log_to_console


def sense(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, clips, or folders of them.")],
    csv: Annotated[Path | None, typer.Option(help="Write the rows here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve here (PNG).")] = None,
    preset: Annotated[str, typer.Option(help="calm, balanced or reactive.")] = "balanced",
    verbose: VerboseOption = False,
) -> None:
    """Read valence and arousal from files: one raw reading of a still, a smoothed curve of a clip."""
    log_to_console(verbose)
    import torch
    from rich.progress import Progress

    from sensor.errors import SensorError
    from sensor.live import create_eye
    from sensor.sense import sense as work
    from sensor.sense_plot import plot as draw

    torch.set_num_threads(1)
    try:
        with Progress(console=console) as progress:
            bar = progress.add_task("sensing", total=1.0)
            found = work(paths, create_eye(), preset, csv, lambda done: progress.update(bar, completed=done))
        if plot is not None:
            draw(found, plot)
    except SensorError as error:
        raise fail(str(error)) from error
    if csv is None:
        out = Console(soft_wrap=True)
        out.print("path,t_s,valence,arousal,confidence,cut", highlight=False)
        for one in found:
            for row in one.rows:
                values = f"{row.t_s:.3f},{row.valence:.4f},{row.arousal:.4f},{row.confidence:.4f}"
                out.print(f"{row.path},{values},{int(row.cut)}", highlight=False, markup=False)
