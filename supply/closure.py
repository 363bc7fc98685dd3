"""The packages the service needs to run, and those that they need: read from what is installed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def plain(name: str) -> str:
    """A package's name as indexes write it: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def runtime(pyproject: Path = ROOT / "pyproject.toml") -> dict[str, Distribution]:
    """By name. Without extras: what `pip install narrascore-live` brings on this system.

    Raises importlib.metadata.PackageNotFoundError when one is not installed.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    waiting = [Requirement(text) for text in project["dependencies"]]
    found: dict[str, Distribution] = {}
    while waiting:
        wanted = waiting.pop()
        name = plain(wanted.name)
        if name in found:
            continue
        found[name] = distribution(wanted.name)
        for text in found[name].requires or ():
            needed = Requirement(text)
            extras = wanted.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return dict(sorted(found.items()))
