"""A measured figure and the table of them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One row. `target` is a bound in words, or empty; `met` is None where there is none."""

    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


def below(name: str, value: float, unit: str, bound: float) -> Figure:
    """A figure that should be at most `bound`."""
    return Figure(name, value, unit, f"<= {bound:g}", value <= bound)


def above(name: str, value: float, unit: str, bound: float) -> Figure:
    """A figure that should be at least `bound`."""
    return Figure(name, value, unit, f">= {bound:g}", value >= bound)


def machine() -> str:
    """This machine in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def show(figures: Iterable[Figure], console: Console, title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    for figure in figures:
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        table.add_row(figure.name, f"{figure.value:,.4g} {figure.unit}", f"{figure.target} {mark}".strip())
    console.print(table)


def save(figures: Iterable[Figure], path: Path) -> None:
    """Write the figures as JSON beside the machine's description."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(figure) for figure in figures]
    path.write_text(json.dumps({"machine": machine(), "figures": rows}, indent=2) + "\n", encoding="utf-8")
