"""What the demo tells at its end: everything measured, and where the files are."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from stream.demo.figures import Figures


def print_table(figures: Figures, console: Console) -> None:
    """One table of everything measured, and where the files are."""

    why = "this machine was too busy" if figures.too_slow else "nothing moved enough"

    def text(value: Any, unit: str, form: str = ".0f") -> str:
        return f"not measured: {why}" if value is None else f"{value:{form}} {unit}".strip()

    table = Table(title="measured in this run", show_header=False, title_justify="left")
    cost = figures.cost
    for name, value in (
        ("readings per second", text(figures.readings_per_s, "", ".1f")),
        ("sensor lag (63 %)", text(figures.sensor_lag_s, "s", ".2f")),
        ("control latency, median", text(figures.control_latency_ms, "ms")),
        ("control latency, 99th percentile", text(figures.control_latency_p99_ms, "ms")),
        ("glass to ear", text(figures.glass_to_ear_ms, "ms")),
        ("underruns", str(figures.underruns)),
        ("CPU share (service and composer)", f"{cost.cores:.2f} of one core"),
        ("peak memory (service and composer)", f"{cost.peak_mib:.0f} MiB"),
    ):
        table.add_row(name, value)
    console.print(table)
    for name, what in (
        ("score.mp4", "watch this: the clips with the music that was made for them"),
        ("score.png", "what was seen, what was read in it, what was heard"),
        ("score.wav", "the music alone"),
        ("affect.csv", "valence and arousal, ten times a second"),
    ):
        console.print(f"[bold]{figures.folder / name}[/]  {what}", highlight=False)
