"""The notes of a recording: one file for each life of the composer, since each has a clock of its own."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from stream.ports import NoteFile, OpenNoteFile

FLUSH_EVERY_S = 1.0


class NoteBook:
    """`notes.mid`, and `notes-2.mid` and so on after a restart of the composer. A context manager.

    Its methods raise OSError when a file cannot be written.
    """

    def __init__(self, folder: Path, title: str, open_file: OpenNoteFile | None) -> None:
        """Without `open_file` nothing is written."""
        self._folder = folder
        self._title = title
        self._open_file = open_file
        self._file: NoteFile | None = None
        self._life: int | None = None
        self._files = 0
        self._flushed_s = 0.0
        self._grown = False

    def write(self, life: int, notes: tuple[object, ...]) -> None:
        """`life` tells one composer process from the next."""
        if self._open_file is None:
            return
        if self._file is None or life != self._life:
            self._close()
            self._files += 1
            name = "notes.mid" if self._files == 1 else f"notes-{self._files}.mid"
            self._file, self._life = self._open_file(self._folder / name, self._title), life
        for note in notes:
            self._file.add(note)
        self._grown = True

    def flush(self, now_s: float) -> None:
        """Once a second: what was written so far becomes a complete file."""
        if self._file is not None and self._grown and now_s - self._flushed_s >= FLUSH_EVERY_S:
            self._flushed_s, self._grown = now_s, False
            self._file.flush()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def __enter__(self) -> NoteBook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close()
        except OSError:
            if error is None:
                raise
