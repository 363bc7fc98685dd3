"""A composed piece as a picture: the affect it was given, the notes it played, the sound they made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from composer.affect_curve import AffectCurve
from composer.piano_roll import PianoRoll
from stream.sound.spectrogram import Spectrogram

_INK, _PAPER = "#d7dae0", "#14161b"
_VALENCE, _AROUSAL = "#5cc8ff", "#ff9d5c"
COLUMNS = 1300
"""Of the spectrogram: about one a pixel."""


def draw(path: Path, curve: AffectCurve, roll: PianoRoll, sound: Spectrogram, seconds: float) -> None:
    """Write `path` (PNG)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (top, middle, bottom) = pyplot.subplots(
        3,
        1,
        figsize=(14, 9),
        sharex=True,
        height_ratios=(1.0, 2.4, 2.4),
        facecolor=_PAPER,
        layout="constrained",
    )
    for axes in (top, middle, bottom):
        axes.set_facecolor(_PAPER)
        axes.tick_params(colors=_INK)
        axes.spines[:].set_visible(False)
    at = np.linspace(0.0, seconds, 800)
    affect = np.array([curve.at(float(t)) for t in at])
    for column, color, name, width in ((0, _VALENCE, "valence", 4.0), (1, _AROUSAL, "arousal", 1.8)):
        top.plot(at, affect[:, column], color=color, linewidth=width, label=name)  # both are seen
    for cut in curve.cuts_s:
        top.axvline(cut, color=_INK, linewidth=0.8, linestyle=":")
    top.set(ylim=(-1.05, 1.05), yticks=(-1, 0, 1))
    roll.draw(middle, 0.0, seconds)
    sound.show(bottom)
    titles = ("what was asked for", "what was played", "what it sounds like")
    for axes, title in zip((top, middle, bottom), titles, strict=True):
        axes.set_title(title, color=_INK, loc="left", fontsize=11)
    for axes in (top, middle):
        axes.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            borderaxespad=0.0,
            frameon=False,
            labelcolor=_INK,
            ncols=4,
        )
    bottom.set_xlabel("seconds", color=_INK)
    figure.savefig(path, dpi=100, facecolor=_PAPER)
    pyplot.close(figure)
