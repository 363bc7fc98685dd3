"""The demo's picture: frames, affect and spectrogram on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream.ports import SAMPLE_RATE_HZ
from stream.sound.spectrogram import FRAME, Levels, band_levels, show_levels

_HOP = 1024
_INK, _PAPER, _VALENCE, _AROUSAL = "#d7dae0", "#14161b", "#5cc8ff", "#ff9d5c"


def spectrogram(pcm: npt.NDArray[np.int16]) -> Levels:
    """Level in dB, (bands, columns)."""
    mono = pcm.astype(np.float32).mean(axis=1) / 32768.0
    columns = max((len(mono) - FRAME) // _HOP, 1)
    mono = np.pad(mono, (0, max(FRAME + columns * _HOP - len(mono), 0)))
    return band_levels(np.lib.stride_tricks.sliding_window_view(mono, FRAME)[::_HOP][:columns])


def draw(
    path: Path,
    pcm: npt.NDArray[np.int16],
    rows: Sequence[tuple[float, float, float, float, int]],
    frames: Sequence[tuple[float, npt.NDArray[np.uint8]]],
) -> None:
    """Write `path` (PNG). `rows` are affect.csv's; `frames` are (t_s, rgb) to show along the top."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    length_s = len(pcm) / SAMPLE_RATE_HZ
    figure, (top, middle, bottom) = pyplot.subplots(
        3,
        1,
        figsize=(14, 8),
        sharex=True,
        height_ratios=(1.1, 1.6, 2.6),
        facecolor=_PAPER,
        layout="constrained",
    )
    for axes in (top, middle, bottom):
        axes.set_facecolor(_PAPER)
        axes.tick_params(colors=_INK)
        axes.spines[:].set_visible(False)

    shown = [(t, rgb) for t, rgb in frames if t < length_s]
    for index, (t, rgb) in enumerate(shown):
        end = shown[index + 1][0] if index + 1 < len(shown) else length_s
        top.imshow(rgb, extent=(max(t, 0.0), end - 0.04, 0.0, 1.0), aspect="auto")
    top.set(ylim=(0, 1), yticks=[])
    top.set_title("what was published", color=_INK, loc="left", fontsize=11)
    top.tick_params(bottom=False)

    at, valence, arousal, confidence, cuts = (np.array(column) for column in zip(*rows, strict=True))
    middle.axhline(0.0, color=_INK, linewidth=0.5, alpha=0.4)
    for values, color, name in ((valence, _VALENCE, "valence"), (arousal, _AROUSAL, "arousal")):
        middle.plot(at, values, color=color, linewidth=2, label=name)
    middle.fill_between(
        at, -1, -1 + 0.12 * confidence, color=_INK, alpha=0.25, linewidth=0, label="confidence"
    )
    for cut in at[cuts > 0]:
        middle.axvline(cut, color=_INK, linewidth=0.8, linestyle=":")
    middle.set(ylim=(-1, 1), yticks=(-1, 0, 1))
    middle.set_title("what the sensor read (dotted: cuts)", color=_INK, loc="left", fontsize=11)
    middle.legend(loc="upper right", facecolor=_PAPER, labelcolor=_INK, edgecolor=_PAPER, ncols=3)

    show_levels(bottom, spectrogram(pcm), length_s)
    bottom.set_xlabel("seconds")
    bottom.xaxis.label.set_color(_INK)
    bottom.set_title("what the listener received", color=_INK, loc="left", fontsize=11)
    figure.savefig(path, dpi=110, facecolor=_PAPER)
    pyplot.close(figure)
