"""What the service is made of: no licence that reaches it, a true lock, advisories or a plain word."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import cast

import pytest

from supply import advisories, lock
from supply.advisories import understood
from supply.closure import ROOT, plain, runtime
from supply.licences import licence, refused
from supply.lock import faults, pins, written

SOURCES = [
    path for folder in ("stream", "sensor", "composer", "examples") for path in (ROOT / folder).rglob("*.py")
]


@pytest.mark.parametrize(
    ("stated", "allowed"),
    [
        ("MIT", True), ("LGPL-2.1-or-later", True), ("Apache-2.0 OR GPL-3.0-only", True), ("MPL-2.0", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True), ("GPL-3.0-or-later", False),
        ("GNU General Public License v2 (GPLv2)", False), ("AGPL-3.0", False), ("MIT AND GPL-2.0", False),
        ("", False),
    ],
)  # fmt: skip
def test_the_gpl_may_not_be_needed_and_silence_is_no_licence(stated: str, allowed: bool) -> None:
    assert (refused(stated) == "") == allowed


def test_every_run_time_package_states_a_licence_that_may_be() -> None:
    packages = runtime()
    assert {"aiortc", "numpy", "onnxruntime"} <= packages.keys() and "torch" not in packages
    for name, each in packages.items():
        assert refused(licence(name, cast("dict[str, str]", each.metadata))) == "", name


def test_metadata_without_a_licence_is_told() -> None:
    class Metadata(dict[str, str]):
        def get_all(self, name: str) -> list[str]:
            return ["License :: OSI Approved :: MIT License"] if self else []

    assert licence("x", Metadata(License="long text")) == "MIT License"
    assert licence("x", Metadata()) == ""


def test_the_lock_names_what_runs_with_a_hash_each_and_the_versions_of_constraints() -> None:
    locked, pinned = lock.read(lock.LOCK), lock.read(lock.CONSTRAINTS)
    direct = {plain(re.split(r"[<>=!\[; ]", each)[0]) for each in _direct()}
    assert direct <= locked.keys()
    assert "torch" not in locked
    assert faults(locked, pinned, {}) == []


def _direct() -> list[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return cast("list[str]", project["dependencies"])


def test_a_lock_that_is_not_true_is_told() -> None:
    text = "a==1.0 \\\n    --hash=sha256:" + 64 * "0" + "\nb==2.0\n"
    assert pins(text) == {"a": ("1.0", 1), "b": ("2.0", 0)}
    told = faults(pins(text), {"a": ("1.1", 0)}, {"a": "1.0", "c": "3"})
    words = ("no hash", "1.1 in constraints", "c is needed", "not in constraints")
    assert len(told) == 4 and all(any(word in line for line in told) for word in words)


def test_what_pip_would_install_becomes_a_lock() -> None:
    each = {
        "metadata": {"name": "A_b", "version": "1.0"},
        "download_info": {"url": "x", "archive_info": {"hashes": {"sha256": 64 * "1"}}},
    }
    assert pins(written({"install": [each]})) == {"a-b": ("1.0", 1)}


def test_no_address_is_in_the_lock() -> None:
    assert "://" not in lock.LOCK.read_text(encoding="utf-8")


def test_advisories_are_listed() -> None:
    out = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1"}]}, {"name": "b"}]}'
    assert understood(out, "").known == ("a 1: X-1",)


@pytest.mark.parametrize("fault", ["offline", "absent", "slow"])
def test_offline_is_one_plain_line_and_no_failure(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **how: object) -> subprocess.CompletedProcess[str]:
        if fault == "slow":
            raise subprocess.TimeoutExpired(command, 60.0)
        return subprocess.CompletedProcess(command, 1, "", "Traceback\nConnectionError: no route")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(advisories, "find_spec", lambda name: None if fault == "absent" else object())
    answer = advisories.ask({"a": "1"}, tmp_path)
    assert answer.known is None and "not asked" in answer.words and "\n" not in answer.words


def test_nothing_is_pickled_but_between_our_own_processes() -> None:
    """Nothing that could come from a file or the network: one reader knows three names and calls none."""
    may = {"sensor/checkpoint.py"}
    unsafe = re.compile(
        r"^\s*(import|from) +(pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal)\b"
        r"|allow_pickle *= *True|weights_only *= *False|torch\.load\((?!.*weights_only)",
        re.MULTILINE,
    )
    found = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if unsafe.search(path.read_text(encoding="utf-8"))
    }
    assert found == may


def test_weights_are_not_pickles() -> None:
    files = [path for package in ("sensor", "composer") for path in (ROOT / package / "weights").iterdir()]
    assert files and {path.suffix for path in files} <= {".json", ".safetensors", ".npz"}
