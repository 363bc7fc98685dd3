"""The work behind `narrascore sense`: affect over time of clips, one reading of each still, from files."""

from __future__ import annotations

import csv
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.stream import Disposition

from sensor.errors import DataError
from sensor.live import Eye, LiveSensor
from sensor.window import AffectWindow

log = logging.getLogger(__name__)

READINGS_HZ = 8.0
THUMBNAIL_PX = 120
MOST_THUMBNAILS = 32
"""Kept per file, evenly over time: a long clip does not fill the memory."""
PICTURES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
CLIPS = {".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".ts", ".webm", ".y4m"}

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1."""


class Row(NamedTuple):
    """One line of the table. A still has one, at `t_s` 0, not smoothed; a clip eight a second, smoothed."""

    path: str
    t_s: float
    valence: float
    arousal: float
    confidence: float
    cut: bool


class Thumbnail(NamedTuple):
    """A small picture (h, w, 3) uint8 of the file at `t_s`."""

    t_s: float
    rgb: npt.NDArray[np.uint8]


class Sensed(NamedTuple):
    """What one file gave."""

    path: str
    rows: list[Row]
    thumbnails: list[Thumbnail]


def sense(
    paths: Sequence[Path],
    eye: Eye,
    preset: str = "balanced",
    csv_path: Path | None = None,
    progress: Progress | None = None,
) -> list[Sensed]:
    """Sense every file of `paths`; folders stand for the pictures and clips in them, in order of name.

    A still gives one raw reading: no window, no adaptation. A clip gives what a live session with this window
    preset would have shown. With `csv_path` the rows are written there too. Raises `DataError` when a named
    file cannot be read or nothing is found; an unreadable file inside a folder is logged and left out.
    """
    AffectWindow(preset)  # an unknown preset, or no place for the table, is refused before an hour of work
    files = list(files_in(paths))
    if csv_path is not None:
        _check_table(csv_path, [file for file, _ in files])
    if not files:
        raise DataError(
            f"no pictures or clips in {', '.join(str(path) for path in paths) or 'an empty list'}"
        )
    found = []
    for number, (path, named) in enumerate(files):

        def part(share: float, number: int = number) -> None:
            if progress is not None:
                progress((number + share) / len(files))

        try:
            found.append(_sense_file(path, eye, preset, part))
        except DataError as error:
            if named:
                raise
            log.warning("left out: %s", error)
        part(1.0)
    if not found:
        raise DataError(f"none of {len(files)} files could be read")
    if csv_path is not None:
        write_csv(csv_path, found)
    return found


def write_csv(path: Path, found: Sequence[Sensed]) -> None:
    """Rows of all files, header `path,t_s,valence,arousal,confidence,cut`; all or nothing.

    A pipe or a device is written to, not replaced.
    """
    part = path if _is_special(path) else path.with_name(f".{path.name}.part")
    try:
        # A name that is not text is written as JSON would.
        with part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            write_rows(file, found)
        if part != path:
            part.replace(path)
    except OSError as error:
        raise DataError(f"{path}: the table cannot be written ({error.strerror})") from None
    finally:
        if part != path:
            part.unlink(missing_ok=True)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def write_rows(file: IO[str], found: Sequence[Sensed]) -> None:
    """The same table into an open file."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(Row._fields)
    for each in found:
        for row in each.rows:
            numbers = (f"{value:.4f}" for value in row[1:5])
            writer.writerow([row.path, *numbers, int(row.cut)])


def check_is_none_of(path: Path, files: Sequence[Path]) -> None:
    """Raises `DataError` when `path` is one of `files`, by whatever name."""
    if path.exists() and any(file.exists() and file.samefile(path) for file in files):
        raise DataError(f"{path} is one of the files that are read: give another name")


def _check_table(path: Path, files: Sequence[Path]) -> None:
    """Whether a table can be written there, without touching what is there. Raises `DataError`."""
    if path.suffix.lower() in PICTURES | CLIPS:
        # `sense --csv *.mp4` names the first clip as the table.
        raise DataError(f"{path}: that is the name of a picture or a clip; the table's name ends in .csv")
    check_is_none_of(path, files)
    if _is_special(path):
        return
    new = not path.exists()
    try:
        path.open("a").close()
    except OSError as error:
        raise DataError(f"{path}: the table cannot be written ({error.strerror})") from None
    if new:
        path.unlink()


def files_in(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Files to read, and whether each was named itself."""
    for path in paths:
        if path.is_dir():
            for inside in sorted(path.rglob("*")):
                if inside.suffix.lower() in PICTURES | CLIPS and inside.is_file():
                    yield inside, False
        else:
            yield path, True


def _sense_file(path: Path, eye: Eye, preset: str, progress: Progress) -> Sensed:
    sensor, window = LiveSensor(eye), AffectWindow(preset)
    rows: list[Row] = []
    thumbnails = _Thumbnails()
    raw = None
    pictures = due = 0
    for t_s, share, frame in _frames(path):
        pictures += 1
        if t_s * READINGS_HZ < due - 1e-3:
            continue
        due = int(t_s * READINGS_HZ) + 1
        reading = sensor.read(frame, t_s)
        raw = raw or reading
        window.add(reading)
        affect = window.estimate(t_s)
        rows.append(Row(str(path), t_s, *affect, reading.cut))
        thumbnails.add(t_s, frame)
        progress(share)
    if raw is None:
        raise DataError(f"{path}: no picture in it")
    if pictures == 1:
        rows = [Row(str(path), 0.0, raw.valence, raw.arousal, raw.confidence, False)]
    return Sensed(str(path), rows, thumbnails.kept)


def _frames(path: Path) -> Iterator[tuple[float, float, VideoFrame]]:
    """(seconds since the first frame, share of the file, frame); stops with a warning where a clip breaks."""
    first_s: float | None = None
    try:
        # From the root on: `12:30.png` would be an address of the protocol 12.
        with av.open(str(path.absolute())) as container:
            # A cover may stand before the picture; alone, it is a still.
            streams = sorted(
                container.streams.video, key=lambda each: Disposition.attached_pic in each.disposition
            )
            if not streams:
                raise DataError(f"{path}: no video stream")
            stream = streams[0]
            length_s = float(container.duration / av.time_base) if container.duration else 0.0
            rate_hz = float(stream.average_rate or 25)
            for count, frame in enumerate(container.decode(stream)):
                at_s = count / rate_hz if frame.time is None else float(frame.time)
                first_s = at_s if first_s is None else first_s
                t_s = at_s - first_s
                yield t_s, min(1.0, t_s / length_s) if length_s > 0 else 0.0, frame
    except (OSError, av.FFmpegError, ValueError) as error:
        if first_s is None:
            raise DataError(f"{path}: not a readable picture or clip ({_reason(error)})") from None
        log.warning("%s: cannot be read to its end (%s)", path, _reason(error))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


class _Thumbnails:
    """Pictures evenly over time, however long the clip: when full, every other one is dropped."""

    def __init__(self) -> None:
        self.kept: list[Thumbnail] = []
        self._every = 1
        self._count = 0

    def add(self, t_s: float, frame: VideoFrame) -> None:
        if self._count % self._every == 0:
            height = max(2, round(THUMBNAIL_PX * frame.height / max(frame.width, 1)))
            try:
                small = frame.reformat(THUMBNAIL_PX, min(height, 4 * THUMBNAIL_PX), "rgb24")
            except (OSError, av.FFmpegError, ValueError):
                return
            self.kept.append(Thumbnail(t_s, small.to_ndarray().astype(np.uint8, copy=False)))
        self._count += 1
        if len(self.kept) > MOST_THUMBNAILS:
            self.kept = self.kept[::2]
            self._every *= 2
