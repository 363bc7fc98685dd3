"""Finding where the music answered the picture: exact on a composer whose every sample is known."""

from __future__ import annotations

import numpy as np
import pytest

from stream.ports import Block
from stream.sensing.reaction import Steer, alignment, parting, parting_after
from tests.stream.scripted import SineComposer


class TimedSine(SineComposer):
    """The scripted sine, obeying `at_sample` to the sample."""

    def render(self, n_samples: int) -> Block:
        todo, blocks = self._steers, []
        for place, (start, valence, arousal) in enumerate(todo):
            end = todo[place + 1][0] if place + 1 < len(todo) else n_samples
            self._steers = [(start, valence, arousal)]
            if min(end, n_samples) > start:
                blocks.append(super().render(min(end, n_samples) - start))
        return np.concatenate(blocks)


STEERS = [Steer(0, 1.0, 0.0, 0.0), Steer(24_000, 2.0, 0.0, 0.1), Steer(48_000, 3.0, 0.5, 0.9)]


def test_the_first_sample_changed_by_the_picture_is_found() -> None:
    assert parting_after(TimedSine, "any", 1, STEERS, change_s=2.5, horizon_s=1.0) == 48_000
    assert parting_after(TimedSine, "any", 1, STEERS, change_s=1.5, horizon_s=1.0) == 24_000


def test_no_steer_after_the_change_is_no_answer() -> None:
    assert parting_after(TimedSine, "any", 1, STEERS, change_s=3.5, horizon_s=1.0) is None


def test_an_inaudible_difference_does_not_count() -> None:
    music = np.random.default_rng(0).normal(0.0, 0.1, (9600, 2)).astype(np.float32)
    whisper, shout = music.copy(), music.copy()
    whisper[4800:] *= 1.0001
    shout[4800:] *= 1.5
    assert parting(music, music) is None
    assert parting(music, whisper) is None
    assert parting(music, shout) == 4800


@pytest.mark.parametrize("late", [0, 137, 30_000, -400])
def test_what_was_heard_is_laid_over_what_was_played(late: int) -> None:
    played = np.random.default_rng(1).normal(0.0, 0.1, 96_000).astype(np.float32)
    padded = np.concatenate([np.zeros(1000, np.float32), played])
    assert alignment(played, padded[1000 + late : 1000 + late + 40_000]) == late
