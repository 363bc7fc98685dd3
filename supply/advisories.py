"""What is known against the versions in use: pip-audit asks its service. Offline it cannot, and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 60.0


class Answer(NamedTuple):
    """`known` is None when nobody could be asked; `words` are for the user."""

    known: tuple[str, ...] | None
    words: str


def understood(out: str, error: str) -> Answer:
    """What pip-audit printed as JSON, or why it did not."""
    try:
        packages = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = error.strip().splitlines()[-1:] or ["it said nothing"]
        return Answer(None, f"advisories: not asked, the service could not be reached ({last[0][:120]})")
    known = tuple(
        f"{package['name']} {package.get('version', '')}: {each['id']}"
        for package in packages
        for each in package.get("vulns", ())
    )
    return Answer(known, f"advisories: {len(known)} known against {len(packages)} packages")


def ask(pinned: dict[str, str], folder: Path) -> Answer:
    """Ask about these versions by name, and no others."""
    if find_spec("pip_audit") is None:
        return Answer(None, "advisories: not asked, pip-audit is not installed (pip install pip-audit)")
    wanted = folder / "pinned.txt"
    wanted.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()), encoding="utf-8")
    command = [
        sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off",
        "--timeout=10", "--format=json", "--requirement", str(wanted),
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return Answer(None, f"advisories: not asked, the service did not answer within {PATIENCE_S:.0f} s")
    return understood(done.stdout, done.stderr)
