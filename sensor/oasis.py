"""The OASIS photographs and their human ratings (Kurdi, Lozano & Banaji 2017), read from a folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import av
from av import VideoFrame

from sensor.errors import DataError

COLUMNS = ("file", "theme", "valence_mean_1to7", "arousal_mean_1to7")


class Rated(NamedTuple):
    """A photograph and its mean ratings, mapped from 1..7 to [-1, 1] by (x - 4) / 3."""

    path: Path
    theme: str
    valence: float
    arousal: float


def read_ratings(folder: Path) -> list[Rated]:
    """The rows of `folder/ratings.csv`, photographs in `folder/images`. Raises `DataError`."""
    table = folder / "ratings.csv"
    try:
        with table.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise DataError(f"{table}: no column {', '.join(sorted(missing))}")
            rows = [
                Rated(
                    folder / "images" / row["file"],
                    row["theme"],
                    (float(row["valence_mean_1to7"]) - 4) / 3,
                    (float(row["arousal_mean_1to7"]) - 4) / 3,
                )
                for row in reader
            ]
    except OSError as error:
        raise DataError(
            f"{table}: {error.strerror}; --data names a folder with ratings.csv and images/"
        ) from None
    except ValueError as error:
        raise DataError(f"{table}: {error}") from None
    if not rows:
        raise DataError(f"{table}: no rows")
    return rows


def read_still(path: Path) -> VideoFrame:
    """The first picture of an image or video file. Raises `DataError` when there is none."""
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0))
    except (OSError, av.FFmpegError, IndexError, StopIteration, ValueError) as error:
        raise DataError(f"{path}: not a readable picture ({type(error).__name__}: {error})") from None
