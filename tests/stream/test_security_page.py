"""docs/security.md and docs/trust.md name the test that holds each line: those tests have to be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("security.md", "trust.md")}
both = pytest.mark.parametrize("page", sorted(PAGES))


def named(page: str) -> set[tuple[Path, str]]:
    """(file, function) of every test on the page; the function may be empty. `::name` means the last file."""
    found, file = set(), Path()
    for path, function in re.findall(r"`((?:[\w/]+\.py)?)(?:::(test_\w+))?`", PAGES[page]):
        if not path and not function:
            continue
        if path:
            file = ROOT / path if "/" in path else next((ROOT / "tests" / "stream").rglob(path), Path(path))
        found.add((file, function))
    return found


@both
def test_every_test_that_is_named_exists(page: str) -> None:
    assert len(named(page)) > 20
    for file, function in named(page):
        assert file.is_file(), file
        if function:
            assert re.search(rf"^def {function}\(", file.read_text(encoding="utf-8"), re.MULTILINE), function


@both
def test_every_threat_and_every_promise_names_its_test(page: str) -> None:
    rows = [row for row in re.findall(r"^\|.*\|$", PAGES[page], re.MULTILINE) if "---" not in row]
    threats = [row for row in rows if not row.startswith(("| threat |", "| what happens |"))]
    assert len(threats) > 15
    for row in threats:
        last = row.strip("|").split("|")[-1]
        assert "test" in last, row
