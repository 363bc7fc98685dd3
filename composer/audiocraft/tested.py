"""What `make test-audiocraft` last passed with: its environment has 7 GB, so CI builds it when it has to.

`python -m composer.audiocraft.tested` says which files changed since, and exits 1; `--write` notes a pass.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMP = Path(__file__).with_name("tested.json")
_MUSICGEN = (
    "assembly",
    "codec",
    "codec_thread",
    "engine",
    "geometry",
    "sampling",
    "stepper",
    "token_stream",
    "windows",
)


def files() -> list[Path]:
    """What the test depends on, of ours."""
    found = [*(ROOT / "composer/audiocraft").glob("*.py"), *(ROOT / "composer/remote").glob("*.py")]
    found += [*(ROOT / "tests/audiocraft").glob("*.*"), ROOT / "composer/audiocraft/requirements.txt"]
    found += [ROOT / f"composer/musicgen/{name}.py" for name in _MUSICGEN]
    return sorted(found)


def present() -> dict[str, str]:
    """SHA-256 by path below the repository."""
    return {
        str(path.relative_to(ROOT).as_posix()): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files()
    }


def changed() -> list[str]:
    """Paths that differ from the stamp, are new or gone."""
    now = present()
    try:
        then: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        then = {}
    return sorted(path for path in now.keys() | then.keys() if now.get(path) != then.get(path))


def main() -> None:
    if sys.argv[1:] == ["--write"]:
        STAMP.write_text(json.dumps(present(), indent=1) + "\n", encoding="utf-8")
        return
    if differing := changed():
        print(f"audiocraft: changed since its test last passed: {', '.join(differing)}")
        sys.exit(1)
    print("audiocraft: test skipped, none of the files it depends on changed since it last passed")


if __name__ == "__main__":
    main()
