"""Files that appear whole or not at all, and whether they can be written, before any work."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from stream.errors import StreamError


class OutputError(StreamError):
    """The files asked for cannot be written; the message says what to change."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to, which becomes `path` when the block ends well and is deleted when it does not.

    Folders are made as needed, and taken away again with it. Raises OSError when that cannot be done.
    """
    with _folder(path.parent):
        part = path.with_name(f".{path.stem}.part{path.suffix}")
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def check_place(path: Path, force: bool) -> None:
    """Whether `whole(path)` would do; nothing is left behind.

    Raises:
        OutputError: something is there already, and not to be replaced; or nothing can be written there.
    """
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder: give the name of a file in it.")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is a device, not a file: give another name.")
        if path.exists() and not force:
            raise OutputError(f"{path} exists already: --force replaces it.")
        with suppress(_Tried), whole(path) as part:
            part.touch()
            raise _Tried
    except OSError as error:
        raise OutputError(cannot_write(path, error)) from error


def cannot_write(path: Path, error: OSError) -> str:
    """A sentence for the user."""
    reason = error.strerror or str(error)
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = "one of its folders is a file"
    advice = "free some space or give another place" if error.errno == errno.ENOSPC else "give another place"
    return f"{path} cannot be written ({reason}): {advice}."


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Whoever is told to end, or whose terminal is closed, takes half of a file away first."""
    named = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {each: signal.signal(each, _end) for each in named}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


class _Tried(Exception):
    """It would do."""


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    made = [each for each in (path, *path.parents) if not each.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for each in made:  # the innermost first
            with suppress(OSError):
                each.rmdir()
        raise
