"""The house's one-way doors: who may import whom, read from the sources."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("stream", "sensor", "composer")

MEETING_PLACE = "stream/cli"
"""The only folder of `stream` where sensor and composer come in."""

FORBIDDEN = {
    "stream": {"sensor", "composer", "tests", "bench", "examples"},
    "sensor": {"stream", "composer", "tests", "bench", "examples"},
    "composer": {"stream", "sensor", "tests", "bench", "examples"},
}

FLOORS: tuple[tuple[str, ...], ...] = (
    ("",),
    ("sound", "composing", "sensing"),
    ("webrtc", "recording"),
    ("session",),
    ("doors", "beside"),
    ("demo",),
    ("cli",),
)
"""The folders of `stream`, from the ground up ("" is its own modules): each imports only from below it."""

SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def imported_modules(path: Path) -> frozenset[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            modules.add(node.module)
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(modules)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name.startswith(f"{MEETING_PLACE}/"):
        return
    roots = {module.split(".")[0] for module in imported_modules(path)}
    crossed = roots & FORBIDDEN[path.relative_to(ROOT).parts[0]]
    assert not crossed, f"{name} must not import {', '.join(sorted(crossed))}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "stream").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT))
)
def test_the_stream_s_folders_import_only_from_below(path: Path) -> None:
    def folder(parts: tuple[str, ...]) -> str:
        return parts[1] if len(parts) > 2 and (ROOT / "stream" / parts[1]).is_dir() else ""

    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    own = folder(path.relative_to(ROOT).parts)
    for module in imported_modules(path):
        parts = (*module.split("."), "")
        if parts[0] == "stream" and (other := folder(parts)) != own:
            assert floor[other] < floor[own], f"{path.relative_to(ROOT)} must not import {module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_imports_the_meeting_place(path: Path) -> None:
    if not path.relative_to(ROOT).as_posix().startswith(f"{MEETING_PLACE}/"):
        module = MEETING_PLACE.replace("/", ".")
        assert not [one for one in imported_modules(path) if f"{one}.".startswith(f"{module}.")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_needs_a_module_that_windows_lacks(path: Path) -> None:
    absent = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
    assert not absent & {module.split(".")[0] for module in imported_modules(path)}


def test_importing_a_package_brings_no_framework() -> None:
    """A package's __init__ is a docstring and __all__."""
    for package in PACKAGES:
        tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
        assert all(isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) for node in tree.body), package
