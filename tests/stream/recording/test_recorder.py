"""A recording as a whole: what is in it, what a kill leaves, and what a disk that fails does."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.composing.messages import Notes
from stream.ports import Affect, Reading
from stream.recording import files as recording_files
from stream.recording import recorder as module
from stream.recording.recorder import MAX_WAITING, Look, Recorder
from stream.sound.egress import PlayedBlock
from tests.stream.recording.test_files import decoded

ROOT = Path(__file__).parents[3]
NOON = datetime.datetime(2026, 11, 23, 12, 0, 0, tzinfo=datetime.UTC)


def block(number: int, pts: int | None = None) -> PlayedBlock:
    """20 ms whose every sample is `number` thousandths."""
    level = np.float32(number % 500 / 1000)
    return PlayedBlock(np.full((960, 2), level, np.float32), 0, 960 * number if pts is None else pts, 0.0)


class Scene:
    """What a session would show."""

    def __init__(self) -> None:
        self.cuts = 0
        self.settings: Mapping[str, Any] = {"anchor": {"text": "slow piano"}, "seed": 7}

    def look(self) -> Look:
        return Look(Affect(0.5, -0.25, 1.0), Reading(1.0, 0.6, -0.3, 0.9, False), self.cuts, self.settings)


class TextNotes:
    """A note file anybody can read."""

    def __init__(self, path: Path, title: str) -> None:
        self._file = path.open("w")
        self._file.write(f"{title}\n")

    def add(self, note: object) -> None:
        self._file.write(f"{note}\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.write("end\n")
        self._file.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_EVERY_S", 0.002)
    monkeypatch.setattr(module, "_plot", lambda folder: None)


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def recording(tmp_path: Path, scene: Scene) -> Iterator[Recorder]:
    recorder = Recorder(
        tmp_path / "all", "live", scene.look, lambda: {"models": ["tiny"]}, TextNotes, lambda: NOON
    )
    yield recorder
    recorder.stop()
    recorder.join()


def written(recorder: Recorder, seconds: float) -> None:
    """Wait until so much is in the file."""
    for _ in range(5000):
        if recorder.seconds >= seconds:
            return
        threading.Event().wait(0.001)
    pytest.fail(f"only {recorder.seconds} s were written: {recorder.trouble}")


def test_a_recording_holds_the_music_the_affect_and_where_it_came_from(
    tmp_path: Path, recording: Recorder, scene: Scene
) -> None:
    recording.start()
    for n in range(50):
        recording.tap(block(n))
    written(recording, 1.0)
    scene.cuts = 2
    scene.settings = {"anchor": {"text": "bright strings"}, "seed": 8}
    recording.tap(block(50))
    written(recording, 1.02)
    recording.stop()
    recording.join()
    recording.tap(block(51))  # too late: not heard
    assert not recording.on and recording.trouble == ""

    folder = tmp_path / "all" / "live-20261123-120000"
    assert folder.name == recording.place
    pcm = decoded(folder / "music.flac")
    assert pcm.shape == (51 * 960, 2)
    assert (pcm[:, 0].reshape(51, 960) == np.rint(np.arange(51) / 1000 * 32767)[:, None]).all()

    rows = [line.split(",") for line in (folder / "affect.csv").read_text().splitlines()[1:]]
    assert float(rows[-1][0]) == pytest.approx(1.02) and rows[-1][1:4] == ["0.5000", "-0.2500", "1.0000"]
    assert rows[-1][4:7] == ["0.6000", "-0.3000", "0.9000"] and sum(int(row[7]) for row in rows) == 2

    story = json.loads((folder / "provenance.json").read_text())
    assert [one["seed"] for one in story["settings"]] == [7, 8] and story["settings"][0]["t_s"] == 0.0
    assert story["settings"][1]["t_s"] >= 1.0 and story["settings"][1]["anchor"]["text"] == "bright strings"
    assert story["models"] == ["tiny"] and story["seconds"] == 1.02 and story["missing_seconds"] == 0.0
    assert story["began"] == story["ended"] == "2026-11-23T12:00:00+00:00"
    assert story["program"]["python"] and "advice" in story["statement"]


def test_what_never_came_is_silence_so_that_times_stay_true(tmp_path: Path, recording: Recorder) -> None:
    recording.start()
    recording.tap(block(100))
    recording.tap(block(104))
    written(recording, 0.1)
    recording.stop()
    recording.join()
    pcm = decoded(tmp_path / "all" / recording.place / "music.flac")[:, 0].reshape(-1, 960)
    assert [int(row[0]) for row in pcm] == [3277, 0, 0, 0, 3408]
    story = json.loads((tmp_path / "all" / recording.place / "provenance.json").read_text())
    assert story["missing_seconds"] == 0.06


def test_notes_have_a_file_for_each_life_of_the_composer(tmp_path: Path, recording: Recorder) -> None:
    recording.start()
    recording.take_notes(Notes(11, ("a", "b")))
    recording.take_notes(Notes(11, ("c",)))
    recording.take_notes(Notes(12, ("d",)))
    recording.tap(block(0))
    written(recording, 0.02)
    recording.stop()
    recording.join()
    folder = tmp_path / "all" / recording.place
    assert (folder / "notes.mid").read_text().split() == ["live", "a", "b", "c", "end"]
    assert (folder / "notes-2.mid").read_text().split() == ["live", "d", "end"]


def test_hours_of_sleep_are_not_written_as_silence(recording: Recorder) -> None:
    recording.start()
    recording.tap(block(1))
    recording.tap(block(2, pts=48_000 * 36_000))
    written(recording, 10.0)
    assert recording.seconds < 11.0


def test_a_disk_that_hangs_costs_the_oldest_seconds_only(
    tmp_path: Path, recording: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()
    write = recording_files.FlacFile.write

    def slow(self: recording_files.FlacFile, pcm: recording_files.Pcm) -> None:
        reached.set()
        go_on.wait(10.0)
        write(self, pcm)

    monkeypatch.setattr(recording_files.FlacFile, "write", slow)
    recording.start()
    recording.tap(block(0))
    assert reached.wait(10.0)
    for n in range(1, MAX_WAITING + 101):
        recording.tap(block(n))  # never waits
    go_on.set()
    written(recording, (MAX_WAITING + 101) / 50)
    recording.stop()
    recording.join()
    pcm = decoded(tmp_path / "all" / recording.place / "music.flac")[:, 0].reshape(-1, 960)
    assert not pcm[1:101].any() and int(pcm[101, 0]) == round(0.101 * 32767)


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_disk_that_fails_is_told_and_ends_only_the_recording(
    tmp_path: Path, recording: Recorder, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    if when == "at once":
        (tmp_path / "all").write_text("a file where the folder should be")
        recording.start()
    else:
        write = recording_files.AffectFile.write

        def full(self: recording_files.AffectFile, row: recording_files.AffectRow) -> None:
            if row.t_s > 0.5:
                raise OSError(28, "No space left on device")
            write(self, row)

        monkeypatch.setattr(recording_files.AffectFile, "write", full)
        recording.start()
        for n in range(30):
            recording.tap(block(n))
    recording.join()
    recording.tap(block(31))
    assert not recording.on
    assert "--record" in recording.trouble and "music plays on" in recording.trouble
    if when == "later":
        assert "No space left" in recording.trouble
        assert len(decoded(tmp_path / "all" / recording.place / "music.flac")) == 30 * 960


def test_recordings_that_begin_in_the_same_second_have_folders_of_their_own(
    tmp_path: Path, scene: Scene
) -> None:
    places = []
    for n in range(3):
        recorder = Recorder(tmp_path / "all", "live", scene.look, dict, None, lambda: NOON)
        recorder.start()
        recorder.tap(block(n))
        written(recorder, 0.02)
        recorder.stop()
        recorder.join()
        assert recorder.trouble == ""
        places.append(recorder.place)
    assert places == [f"live-20261123-120000{number}" for number in ("", "-2", "-3")]
    for place in places:
        assert len(decoded(tmp_path / "all" / place / "music.flac")) == 960


def test_folders_that_are_all_taken_end_it(tmp_path: Path, recording: Recorder) -> None:
    for number in ("", *(f"-{n}" for n in range(2, module.MAX_IN_A_SECOND + 1))):
        (tmp_path / "all" / f"live-20261123-120000{number}").mkdir(parents=True)
    recording.start()
    recording.join()
    assert not recording.on and "File exists" in recording.trouble


def test_an_anchor_of_any_characters_is_recorded(tmp_path: Path, recording: Recorder, scene: Scene) -> None:
    """Half of a surrogate pair is no text, but JSON can hold it."""
    scene.settings = {"anchor": {"text": "sanfte Kl\u00e4nge \ud83d"}, "seed": 7}
    recording.start()
    recording.tap(block(0))
    written(recording, 0.02)
    recording.stop()
    recording.join()
    assert recording.trouble == ""
    text = (tmp_path / "all" / recording.place / "provenance.json").read_text(encoding="utf-8")
    assert json.loads(text)["settings"][0]["anchor"] == scene.settings["anchor"] and "Kl\u00e4nge" in text


def test_whatever_ends_it_the_user_is_told(
    recording: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(self: recording_files.AffectFile, row: recording_files.AffectRow) -> None:
        raise ValueError("scripted")

    monkeypatch.setattr(recording_files.AffectFile, "write", wrong)
    recording.start()
    recording.join()
    assert not recording.on
    assert "ValueError" in recording.trouble and "music plays on" in recording.trouble
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["scripted"]


KILLED = """
import sys, threading
from pathlib import Path
from stream.recording.recorder import Recorder
from tests.stream.recording.test_recorder import Scene, block
recorder = Recorder(Path(sys.argv[1]), "live", Scene().look, dict)
recorder.start()
for n in range(250):
    recorder.tap(block(n))
while recorder.seconds < 5.0:
    threading.Event().wait(0.01)
print(recorder.place, flush=True)
threading.Event().wait()
"""


def test_a_kill_leaves_everything_up_to_the_last_second(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        folder = tmp_path / process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    pcm = decoded(folder / "music.flac")[:, 0]
    assert len(pcm) > 4.8 * 48_000
    assert (pcm == np.rint(np.repeat(np.arange(250), 960) / 1000 * 32767)[: len(pcm)]).all()
    rows = (folder / "affect.csv").read_text().splitlines()
    assert len(rows) >= 2 and all(row.count(",") == 7 for row in rows)
    story = json.loads((folder / "provenance.json").read_text())
    assert story["settings"][0]["seed"] == 7 and story["ended"] is None
