"""Recording a session: the music as it was sent, the affect that made it, and where all of it came from.

One thread per recording owns the files. The egress thread only appends to a bounded queue; nothing that a
disk does can reach the music.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import platform
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stream.composing.messages import Notes
from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Affect, Block, OpenNoteFile, Reading
from stream.recording.files import PLOT, AffectRow, Pcm, RecordingFiles, to_pcm
from stream.recording.note_book import NoteBook
from stream.sound.egress import PlayedBlock
from stream.sound.playout import PLAYOUT_SAMPLES
from stream.sound.wav import pcm_bytes

log = logging.getLogger(__name__)

MAX_WAITING = 500
"""Blocks of 20 ms that may wait for a slow disk; then the oldest is dropped, and is silence in the file."""
MAX_NOTES_WAITING = 1000
"""Reports of notes, of 50 ms or more each, likewise; the oldest are lost."""
WRITE_EVERY_S = 0.1
MAX_GAP_S = 10.0
"""What is missing for longer (the machine slept) is not written as silence."""
MAX_IN_A_SECOND = 9
"""Recordings of one session that may begin in the same second: their folders are numbered."""
PLOT_TIMEOUT_S = 120.0
_VERSIONS_OF = ("narrascore-live", "aiortc", "av", "numpy", "torch", "signalflow")
_STATEMENT = (
    "This file records which program, weights, settings and seed made the music beside it, and under which "
    "licenses they are published. It is evidence of origin, not legal advice, and no promise that nobody "
    "will make a claim."
)

Provenance = Callable[[], Mapping[str, Any]]
"""What the service knows of its models and their licenses; JSON. Called on a recording's thread."""


def nothing_known() -> Mapping[str, Any]:
    return {}


class Look(NamedTuple):
    """What a recording notes of its session. `settings` (anchor, seed) is JSON."""

    affect: Affect
    reading: Reading | None
    cuts: int
    settings: Mapping[str, Any]


class Recorder:
    """One recording, from `start` until `stop` or until the disk fails. `trouble` says why it failed."""

    def __init__(
        self,
        folder: Path,
        name: str,
        look: Callable[[], Look],
        provenance: Provenance,
        open_notes: OpenNoteFile | None = None,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        """Files go into a new folder in `folder`, named after the session and the time. `look` is called on
        the recording's thread."""
        self._parent = folder
        self._name = name
        self._look = look
        self._provenance = provenance
        self._open_notes = open_notes
        self._now = now
        self._waiting: deque[tuple[int, Block]] = deque(maxlen=MAX_WAITING)
        self._notes: deque[Notes] = deque(maxlen=MAX_NOTES_WAITING)
        self._stop = threading.Event()
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"recorder-{name}", daemon=True)
        self._next_pts: int | None = None
        self._dropped_samples = 0
        self.seconds = 0.0
        self.place = ""
        """The name of its folder."""
        self.trouble = ""

    @property
    def on(self) -> bool:
        """Whether it records: not stopped, and not failed."""
        return not self._stop.is_set()

    def start(self) -> None:
        self._thread.start()

    def tap(self, played: PlayedBlock) -> None:
        """A `stream.sound.egress.Tap`."""
        if not self._stop.is_set():
            self._waiting.append((played.pts, played.block))

    def take_notes(self, notes: Notes) -> None:
        """What the composer has played; called on any thread."""
        if not self._stop.is_set() and self._open_notes is not None:
            self._notes.append(notes)

    def stop(self) -> None:
        """No more. Returns at once; the files are finished in the background. Idempotent."""
        self._stop.set()

    def join(self) -> None:
        """Wait until the files are finished (their plot comes later). Blocks."""
        if self._thread.is_alive():
            self._finished.wait()

    # Everything below runs on the recording's thread.

    def _run(self) -> None:
        try:
            folder = self._record()
        except OSError as error:
            reason = error.strerror or str(error)
            self.trouble = (
                f"The recording has stopped ({reason}): free some space or choose another folder with "
                "--record, then start it again. The music plays on."
            )
            log.warning("session %s: %s", self._name, self.trouble)
        except Exception as error:
            # Whatever it is, the user must not go on believing that this is recorded.
            self.trouble = (
                f"The recording has stopped ({type(error).__name__}; the log says more): start it again. "
                "The music plays on."
            )
            log.exception("session %s: the recording failed", self._name)
        else:
            log.info("session %s: recorded %.0f s", self._name, self.seconds)
            self._finished.set()
            _plot(folder)
        finally:
            self._stop.set()
            self._waiting.clear()
            self._notes.clear()
            self._finished.set()

    def _record(self) -> Path:
        began = self._now()
        look = self._look()
        story: dict[str, Any] = {
            "statement": _STATEMENT,
            "session": self._name,
            "began": began.isoformat(timespec="seconds"),
            "ended": None,
            "seconds": None,
            "missing_seconds": None,
            "settings": [{"t_s": 0.0, **look.settings}],
            "program": _versions(),
            **self._provenance(),
        }
        with (
            self._new_files(f"{self._name}-{began:%Y%m%d-%H%M%S}") as files,
            NoteBook(files.folder, self._name, self._open_notes) as book,
        ):
            files.write_provenance(story)
            cuts = look.cuts
            while not self._stop.wait(WRITE_EVERY_S) or self._waiting:
                self._write_music(files)
                while self._notes:
                    book.write(*self._notes.popleft())
                book.flush(self.seconds)
                before, look = look, self._look()
                files.affect.write(_row(self.seconds, look, look.cuts - cuts))
                cuts = look.cuts
                if look.settings != before.settings:
                    story["settings"].append({"t_s": round(self.seconds, 2), **look.settings})
                    files.write_provenance(story)
        story["ended"] = self._now().isoformat(timespec="seconds")
        story["seconds"] = round(self.seconds, 2)
        story["missing_seconds"] = round(self._dropped_samples / SAMPLE_RATE_HZ, 2)
        files.write_provenance(story)
        return files.folder

    def _new_files(self, place: str) -> RecordingFiles:
        """In a new folder of that name; with a number, where a recording began this very second."""
        self._parent.mkdir(parents=True, exist_ok=True)
        self.place, number = place, 1
        while True:
            try:
                return RecordingFiles(self._parent / self.place)
            except FileExistsError:
                number += 1
                if number > MAX_IN_A_SECOND:
                    raise
                self.place = f"{place}-{number}"

    def _write_music(self, files: RecordingFiles) -> None:
        """Everything that waits, in one piece; what never came in between is silence."""
        pieces: list[Pcm] = []
        while self._waiting:
            pts, block = self._waiting.popleft()
            missing = 0 if self._next_pts is None else pts - self._next_pts
            if missing > 0:
                self._dropped_samples += missing
                silence = min(missing, round(MAX_GAP_S * SAMPLE_RATE_HZ))
                pieces.append(np.zeros((silence, CHANNELS), np.int16))
            pieces.append(to_pcm(pcm_bytes(block)))
            self._next_pts = pts + PLAYOUT_SAMPLES
        if pieces:
            files.music.write(np.concatenate(pieces))
            self.seconds = files.music.samples / SAMPLE_RATE_HZ


def _row(t_s: float, look: Look, cuts: int) -> AffectRow:
    affect, reading = look.affect, look.reading
    valence, arousal, confidence = reading[1:4] if reading is not None else (None, None, None)
    return AffectRow(t_s, *affect, valence, arousal, confidence, cuts)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for package in _VERSIONS_OF:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def _plot(folder: Path) -> None:
    """In a process of its own: drawing takes seconds of a core and of the interpreter's lock."""
    command = [sys.executable, "-m", "stream.recording.plot", str(folder)]
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PLOT_TIMEOUT_S,
            check=True,
            start_new_session=True,  # Ctrl-C ends the service; the drawing may finish
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.info("no %s was drawn (%s)", PLOT, type(error).__name__)
