"""`narrascore bench`: what this machine measures, from a checkout of the sources.

The benches are not installed with the service: they bring their own yardsticks, plots and packages.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

from stream.cli.terminal import fail

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
ROOT = Path(__file__).resolve().parents[2]


def bench(context: typer.Context) -> None:
    """Print what this machine measures: bench capacity, bench sensor, ... In a checkout only."""
    if not (ROOT / "bench" / "__main__.py").is_file():
        raise fail("The benches come with the sources: in a checkout of them, pip install -e '.[demo]'")
    raise SystemExit(subprocess.run([sys.executable, "-m", "bench", *context.args], cwd=ROOT).returncode)
