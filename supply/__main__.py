"""`python -m supply`: licences, lock and advisories of what the service needs to run.

Ends with 1 when a licence is refused or the lock is not true. An advisory is told; only `--strict`, which is
`make audit`, fails for it: one that is published tonight must not stop tomorrow's unrelated work.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from supply import advisories, lock
from supply.closure import runtime
from supply.licences import licence, refused


def main(
    strict: Annotated[
        bool, typer.Option(help="Fail for advisories too, or when nobody can be asked.")
    ] = False,
    licences: Annotated[bool, typer.Option(help="List every licence.")] = False,
) -> None:
    console, packages = Console(), runtime()
    versions = {name: each.version for name, each in packages.items()}
    stated = {
        name: licence(name, cast("Mapping[str, str]", each.metadata)) for name, each in packages.items()
    }
    if licences:
        table = Table("package", "version", "licence")
        for name, words in stated.items():
            table.add_row(name, versions[name], words)
        console.print(table)
    wrong = [
        f"{name}: {words or 'no licence'}: {why}" for name, words in stated.items() if (why := refused(words))
    ]
    console.print(f"licences: {len(stated)} run-time packages, {len(wrong)} refused", highlight=False)
    told = lock.faults(lock.read(lock.LOCK), lock.read(lock.CONSTRAINTS), versions)
    console.print(f"lock: {len(told)} faults", highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        answer = advisories.ask(versions, Path(folder))
    console.print(answer.words, highlight=False)
    for line in (*wrong, *told, *(answer.known or ())):
        console.print(line, style="red", highlight=False, markup=False)
    sys.exit(bool(wrong or told or (strict and (answer.known is None or answer.known))))


if __name__ == "__main__":
    typer.run(main)
