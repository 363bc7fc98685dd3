"""The picture `narrascore sense --plot` draws: thumbnails along the affect curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensor.errors import SensorError
from sensor.sense import Sensed, check_is_none_of, files_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STILL_S = 1.0
"""Room a still takes on the time axis."""
ACROSS = 8
"""Thumbnails that fit side by side..."""
THUMBNAIL_RATIO = 1.45
"""...and the shape they then have: wider ones lose their sides, taller ones top and bottom."""
GAP = 0.97


def check_plot(path: Path, paths: Sequence[Path]) -> None:
    """Whether a plot of what is in `paths` can be written, before any of it is read.

    Raises `SensorError`: matplotlib is not installed or cannot write this kind of file, there is no such
    folder, or `path` is one of the files that are to be read.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise SensorError("a plot needs matplotlib: pip install 'narrascore-live[demo]'") from None
    known = FigureCanvasAgg(Figure()).get_supported_filetypes()
    if path.suffix.lower().removeprefix(".") not in known:
        raise SensorError(f"{path.name}: a plot's name ends in .png, .svg or .pdf")
    if path.is_dir() or not path.parent.is_dir():
        raise SensorError(f"{path}: the plot cannot be written there: give a file in a folder that exists")
    check_is_none_of(path, [file for file, _ in files_in(paths)])


def plot(found: Sequence[Sensed], path: Path) -> None:
    """Draw all files one after another on one time axis and save it to `path`; all or nothing.

    Raises `SensorError` when it cannot be written. See `check_plot`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lengths = [max(each.rows[-1].t_s, STILL_S) for each in found]
    starts = [0.0, *np.cumsum(lengths).tolist()]
    figure = Figure(figsize=(13, 5), layout="constrained")
    FigureCanvasAgg(figure)
    film, curve = figure.subplots(2, 1, height_ratios=(1, 3))
    for axes in (film, curve):
        axes.set(xlim=(0, starts[-1]))
    _draw_film(film, found, starts)
    for number, (start, one) in enumerate(zip(starts, found, strict=False)):
        _draw_curve(curve, one, start, named=number == 0)
    for start in starts[1:-1]:
        curve.axvline(start, color="#000000", linewidth=0.8)
    curve.axhline(0, color="#bbbbbb", linewidth=0.8)
    curve.set(ylim=(-1, 1), xlabel="seconds", ylabel="affect")
    curve.legend(loc="lower right", ncols=4, frameon=False)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        figure.savefig(part, dpi=110)
        part.replace(path)
    except OSError as error:
        raise SensorError(f"{path}: the plot could not be written ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)


def _draw_film(axes: Axes, found: Sequence[Sensed], starts: Sequence[float]) -> None:
    """Thumbnails side by side where there is room; only a file's first may reach into the next file."""
    slot_s = starts[-1] / ACROSS
    free_from = 0.0
    for one, start, end in zip(found, starts, starts[1:], strict=False):
        for number, each in enumerate(one.thumbnails):
            at = start + each.t_s
            if at >= free_from - 1e-9 and (number == 0 or at + slot_s <= end + 1e-9):
                free_from = at + slot_s
                axes.imshow(_cropped(each.rgb), extent=(at, at + GAP * slot_s, 0, 1), aspect="auto")
    axes.set(xlim=(0, starts[-1]), ylim=(0, 1))
    axes.axis("off")


def _draw_curve(axes: Axes, one: Sensed, start: float, named: bool) -> None:
    # A still stands in the middle of its room.
    times = [start + (row.t_s if len(one.rows) > 1 else STILL_S / 2) for row in one.rows]
    confidence = [2 * row.confidence - 1 for row in one.rows]
    values = {
        "valence": ("#1f77b4", [row.valence for row in one.rows]),
        "arousal": ("#d62728", [row.arousal for row in one.rows]),
    }
    for name, (color, points) in values.items():
        marker = "o" if len(points) == 1 else ""
        axes.plot(times, points, color=color, marker=marker, label=name if named else "")
    label = "confidence" if named else ""
    axes.fill_between(times, -1, confidence, color="#999999", alpha=0.12, label=label)
    cuts = [time for time, row in zip(times, one.rows, strict=True) if row.cut]
    axes.vlines(cuts, -1, 1, color="#555555", linestyle=":", linewidth=1, label="cut" if named else "")


def _cropped(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The middle of a picture (h, w, 3), cut to `THUMBNAIL_RATIO`."""
    height, width = rgb.shape[:2]
    high, wide = min(height, round(width / THUMBNAIL_RATIO)), min(width, round(height * THUMBNAIL_RATIO))
    top, left = (height - high) // 2, (width - wide) // 2
    return rgb[top : top + high, left : left + wide]
