"""docs/security.md names the test that holds each line: those tests have to be there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def named() -> set[tuple[Path, str]]:
    """(file, function) of every test on the page; the function may be empty. `::name` means the last file."""
    found, file = set(), Path()
    for path, function in re.findall(r"`((?:[\w/]+\.py)?)(?:::(test_\w+))?`", PAGE):
        if not path and not function:
            continue
        if path:
            file = ROOT / path if "/" in path else ROOT / "tests" / "stream" / path
        found.add((file, function))
    return found


def test_every_test_that_is_named_exists() -> None:
    assert len(named()) > 20
    for file, function in named():
        assert file.is_file(), file
        if function:
            assert re.search(rf"^def {function}\(", file.read_text(encoding="utf-8"), re.MULTILINE), function


def test_every_threat_names_its_test() -> None:
    rows = [row for row in re.findall(r"^\|.*\|$", PAGE, re.MULTILINE) if "---" not in row]
    threats = [row for row in rows if not row.startswith("| threat |")]
    assert len(threats) > 15
    for row in threats:
        last = row.strip("|").split("|")[-1]
        assert "test" in last, row
