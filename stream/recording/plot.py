"""The picture of a recording, drawn after it: `python -m stream.recording.plot FOLDER` (needs matplotlib)."""

from __future__ import annotations

import contextlib
import csv
import os
import sys
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from stream.recording.files import AFFECT, MUSIC, PLOT

MAX_POINTS = 2000
_INK, _PAPER, _VALENCE, _AROUSAL = "#d7dae0", "#14161b", "#5cc8ff", "#ff9d5c"


def loudness(path: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Times and peaks (full scale 1) of a recording, one for each FLAC frame of about 0.1 s."""
    times, peaks = [], []
    with av.open(str(path), "r") as container:
        for frame in container.decode(audio=0):
            times.append(frame.time or 0.0)
            peaks.append(float(np.abs(frame.to_ndarray().astype(np.float64)).max()) / 32768.0)
    return np.array(times), np.array(peaks)


def draw(folder: Path) -> None:
    """Write `score.png` into `folder`. Raises ImportError without matplotlib, OSError without the files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with (folder / AFFECT).open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    at, valence, arousal, cuts = (
        np.array([float(row[name]) for row in rows]) for name in ("t_s", "valence", "arousal", "cuts")
    )
    thin = max(1, len(at) // MAX_POINTS)
    times, peaks = loudness(folder / MUSIC)
    figure, (top, bottom) = pyplot.subplots(
        2, 1, figsize=(14, 6), sharex=True, height_ratios=(2, 1), facecolor=_PAPER, layout="constrained"
    )
    for axes in (top, bottom):
        axes.set_facecolor(_PAPER)
        axes.tick_params(colors=_INK)
        axes.spines[:].set_visible(False)
    for values, color, name in ((valence, _VALENCE, "valence"), (arousal, _AROUSAL, "arousal")):
        top.plot(at[::thin], values[::thin], color=color, linewidth=1.5, label=name)
    for cut in at[cuts > 0][:MAX_POINTS]:
        top.axvline(cut, color=_INK, linewidth=0.6, linestyle=":")
    top.set(ylim=(-1, 1), yticks=(-1, 0, 1))
    top.legend(loc="upper right", facecolor=_PAPER, labelcolor=_INK, edgecolor=_PAPER, ncols=2)
    bottom.fill_between(times, -peaks, peaks, color=_INK, linewidth=0)
    bottom.set(ylim=(-1, 1), yticks=(), xlabel="seconds")
    bottom.xaxis.label.set_color(_INK)
    figure.savefig(folder / PLOT, dpi=100, facecolor=_PAPER)
    pyplot.close(figure)


if __name__ == "__main__":
    with contextlib.suppress(OSError, AttributeError):
        os.nice(15)
    draw(Path(sys.argv[1]))
