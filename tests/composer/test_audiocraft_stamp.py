"""Which changes make CI build audiocraft's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.audiocraft import tested


def test_a_change_is_told_and_a_stamp_silences_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "STAMP", tmp_path / "tested.json")
    assert "composer/audiocraft/stepper.py" in tested.changed()  # no stamp at all: everything
    monkeypatch.setattr("sys.argv", ["tested", "--write"])
    tested.main()
    assert tested.changed() == []
    files = tested.files()
    monkeypatch.setattr(tested, "files", lambda: files[1:])
    assert tested.changed() == [str(files[0].relative_to(tested.ROOT).as_posix())]


def test_what_the_test_imports_of_ours_is_watched() -> None:
    watched = {path.relative_to(tested.ROOT).as_posix() for path in tested.files()}
    assert {
        "composer/audiocraft/stepper.py",
        "composer/audiocraft/requirements.txt",
        "composer/musicgen/engine.py",
        "tests/audiocraft/test_audiocraft.py",
    } <= watched
    assert all(path.is_file() for path in tested.files())
