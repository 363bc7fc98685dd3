"""Beats written by hand, for tests of the performer and the synthesiser."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from composer.performer import Performer
from composer.presets import Preset
from composer.score import BASS, LEAD, MIDDLE, STEPS_PER_QUARTER, UPPER, Beat, Note
from composer.synth import Synth

_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))


def progression(preset: Preset, beats: int) -> Iterator[Beat]:
    """I vi IV V in C, two melody notes a quarter: the same at every affect."""
    per_bar = preset.bar_steps // STEPS_PER_QUARTER
    for index in range(beats):
        bar, quarter = divmod(index, per_bar)
        chord = _CHORDS[bar % len(_CHORDS)]
        notes = [Note(0, 6, 72 + chord[quarter % 3], LEAD), Note(6, 6, 72 + chord[(quarter + 1) % 3], LEAD)]
        notes += [Note(0, 12, 60 + chord[1], UPPER), Note(0, 12, 60 + chord[2], UPPER)]
        notes += [Note(step, 6, 60 + chord[0], MIDDLE) for step in (0, 6)]
        if quarter == 0:
            notes.append(Note(0, preset.bar_steps, 36 + chord[0], BASS))
        yield Beat(
            bar, quarter * STEPS_PER_QUARTER, STEPS_PER_QUARTER, preset.bar_steps, 0, False, tuple(notes)
        )


def render(
    preset: Preset, valence: float, arousal: float, ticks: int, seed: int = 1
) -> npt.NDArray[np.float32]:
    """`ticks` of the progression at constant affect, shape (ticks * 480, 2)."""
    performer, synth = Performer(preset, seed), Synth(preset, seed, warm=False)
    beats = progression(preset, ticks)
    synth.express(valence, arousal)
    at, blocks = 0, []
    try:
        for _ in range(ticks):
            while at <= synth.now + 960:
                played = performer.perform(next(beats), valence, arousal, at)
                synth.schedule(played.strikes)
                at += played.length_samples
            blocks.append(synth.render_tick())
    finally:
        synth.close()
    return np.concatenate(blocks)
