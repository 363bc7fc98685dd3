"""What `serve` refuses of its company, and how `devices` lists them: one line, with what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
from typer.testing import CliRunner

from stream.cli.__main__ import make_command
from stream.cli.company import company
from tests.stream.clips import make_clip
from tests.stream.fake_sound import FakeSound

runner = CliRunner()
app = make_command()


def said(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "nowhere.mp4"], "nowhere.mp4 is not there"),
        (["--obs", "http://127.0.0.1:4455"], "ws://127.0.0.1:4455"),
        (["--obs", "ws://127.0.0.1:4455", "--source", "clip.mp4"], "not both"),
        (["--reactivity", "frantic"], "calm, balanced, reactive"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(arguments: list[str], words: str) -> None:
    result = runner.invoke(app, ["serve", "--port", "0", *arguments])
    assert result.exit_code == 1
    assert words in said(result.stderr)


def test_a_picture_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    result = runner.invoke(app, ["serve", "--port", "0", "--source", str(tmp_path / "notes.txt")])
    assert result.exit_code == 1 and "cannot be read" in said(result.stderr)


def test_a_file_may_be_called_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "in.mp4", frames=2).rename("12:30.mp4")
    assert len(company("12:30.mp4", "", "", None)) == 1


def test_the_password_comes_from_the_environment_and_is_not_shown() -> None:
    result = runner.invoke(
        app, ["serve", "--obs", "nonsense"], env={"NARRASCORE_OBS_PASSWORD": "correct horse battery"}
    )
    assert result.exit_code == 1 and "correct horse" not in result.output + result.stderr


def test_devices_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", cast("ModuleType", FakeSound()))
    result = runner.invoke(app, ["devices"])
    assert result.exit_code == 0
    assert [line.split("  (")[0] for line in result.stdout.splitlines()[:3]] == [
        "  Headset",
        "* Speakers (USB)",
        "  CABLE Input",
    ]


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", cast("ModuleType", FakeSound()))
    result = runner.invoke(app, ["serve", "--port", "0", "--play", "tuba"])
    assert result.exit_code == 1 and "narrascore devices" in said(result.stderr)
    assert len(company("", "", "", "default")) == 1
    assert company("", "", "", None) == []
