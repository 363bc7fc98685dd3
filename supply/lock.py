"""`requirements.lock`: a version of each run-time package, and its file's hash. `make lock` writes it.

The hashes are those for the system it was written on, which its first line names: elsewhere write it anew.
torch is not in it: the service runs without, and its builds differ from machine to machine.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supply.closure import ROOT, plain, runtime

LOCK = ROOT / "requirements.lock"
CONSTRAINTS = ROOT / "constraints.txt"

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


def pins(text: str) -> dict[str, tuple[str, int]]:
    """Version, and how many hashes, by name. From a lock or from constraints."""
    found: dict[str, tuple[str, int]] = {}
    for entry in re.sub(r"\\\n", " ", text).splitlines():
        match = _PIN.match(entry)
        if match:
            found[plain(match[1])] = (match[2], len(_HASH.findall(entry)))
    return found


def faults(
    lock: Mapping[str, tuple[str, int]],
    constraints: Mapping[str, tuple[str, int]],
    needed: Mapping[str, str],
) -> list[str]:
    """What is wrong with the lock, a sentence each. `needed` are the versions installed."""
    said = [f"{name} is needed to run and not in the lock: make lock" for name in needed if name not in lock]
    for name, (version, hashes) in lock.items():
        if not hashes:
            said.append(f"{name} {version} has no hash in the lock")
        pinned = constraints.get(name)
        if pinned is None:
            said.append(f"{name} is in the lock and not in constraints.txt")
        elif pinned[0] != version:
            said.append(f"{name} is {version} in the lock and {pinned[0]} in constraints.txt: make lock")
        if needed.get(name, version) != version:
            said.append(f"{name} is {version} in the lock and {needed[name]} here: make install")
    return said


def read(path: Path) -> dict[str, tuple[str, int]]:
    return pins(path.read_text(encoding="utf-8"))


def written(report: Mapping[str, Any]) -> str:
    """A lock, from what `pip install --report` says it would install."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    lines = [f"# Run-time packages and the hashes of their files, for {system}. Written by `make lock`."]
    for each in sorted(report["install"], key=lambda one: plain(one["metadata"]["name"])):
        name, version = plain(each["metadata"]["name"]), each["metadata"]["version"]
        digest = each["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{digest}")
    return "\n".join(lines) + "\n"


def write() -> None:
    """Lock the versions that are installed here. Asks the package index."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder) / "wanted.txt", Path(folder) / "report.json"
        pinned = (f"{name}=={each.version}\n" for name, each in runtime().items())
        wanted.write_text("".join(pinned), encoding="utf-8")
        command = ["install", "-q", "--dry-run", "--ignore-installed", "--no-deps", "--report", str(report)]
        subprocess.run([sys.executable, "-m", "pip", *command, "-r", str(wanted)], check=True)
        LOCK.write_text(written(json.loads(report.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    write()
