"""Stems: their sum is the music before the bus, and each is its own section with its share of the effects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pytest

from composer.performer import Performer
from composer.played import Sounded, Taps
from composer.presets import PRESETS, SECTIONS, Preset
from composer.score import TICK_SAMPLES
from composer.synth import Synth
from tests.composer.scripted import progression

pytestmark = pytest.mark.usefixtures("tones_kept")

TICKS = 300
Sections = npt.NDArray[np.float32]


@contextmanager
def made(preset: Preset, taps: Taps) -> Iterator[Synth]:
    synth = Synth(preset, 1, warm=False, taps=taps)
    try:
        yield synth
    finally:
        synth.close()


def play(synth: Synth, preset: Preset, only: str = "", ticks: int = TICKS) -> Iterator[None]:
    """The progression, or one section's part in it, ending in silence; a step for each tick."""
    performer, beats, at = Performer(preset, 1), progression(preset, ticks), 0
    synth.express(-0.6, 0.5)
    for tick in range(ticks):
        while at <= synth.now + 2 * TICK_SAMPLES and tick < ticks * 2 // 3:
            played = performer.perform(next(beats), -0.6, 0.5, at)
            synth.schedule(s for s in played.strikes if s.instrument.endswith(only))
            at += played.length_samples
        synth.render_tick()
        yield


@pytest.mark.parametrize("name", ["lofi", "synthwave", "cinematic"])
def test_their_sum_is_the_music_before_the_bus(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a compressor that never acts and a leveller that stands still, the bus changes nothing."""
    preset = PRESETS[name]
    monkeypatch.setattr("composer.synth._KNEE", 1e6)
    monkeypatch.setattr("composer.leveller.Leveller.process", lambda *_: None)
    whole, parts = [], []
    with made(preset, Taps(stems=True)) as synth:
        synth._limiter.process = lambda block: block.copy()  # type: ignore[method-assign]
        render = synth.render_tick
        synth.render_tick = lambda: whole.append(render()) or whole[-1]  # type: ignore[method-assign, func-returns-value]
        for _ in play(synth, preset):
            parts.append(synth.stems().sum(axis=0))
    music, total = np.concatenate(whole), np.concatenate(parts)
    assert np.abs(music).max() > 0.05
    assert np.abs(music - total).max() < 2e-6


def test_a_section_alone_is_its_own_stem() -> None:
    """The reverb of the drums is in the drums' stem, whatever else plays."""
    preset = PRESETS["synthwave"]
    with made(preset, Taps(stems=True)) as synth:
        together = np.concatenate([synth.stems().copy() for _ in play(synth, preset)], axis=1)
    for index, section in enumerate(SECTIONS):
        with made(preset, Taps(stems=True)) as synth:
            alone = np.concatenate([synth.stems().copy() for _ in play(synth, preset, section)], axis=1)
        assert np.abs(alone[index]).max() > 0.01
        assert np.abs(alone[index] - together[index]).max() < 1e-5
        assert np.abs(np.delete(alone, index, axis=0)).max() < 1e-9


def test_what_is_not_asked_for_is_not_made() -> None:
    preset = PRESETS["lofi"]
    with made(preset, Taps()) as synth:
        for _ in play(synth, preset, ticks=50):
            assert not synth.stems().any()
        plain = synth._relay._desk._blocks[TICK_SAMPLES].num_channels
    with made(preset, Taps(stems=True)) as synth:
        assert plain == 6 and synth._relay._desk._blocks[TICK_SAMPLES].num_channels == 30


def test_notes_are_told_with_the_pitch_that_sounds_and_all_end() -> None:
    preset, events = PRESETS["lofi"], list[Sounded]()
    with made(preset, Taps(played=events)) as synth:
        for _ in play(synth, preset, ticks=1200):
            pass
        assert synth.sounding == 0
    starts = [event for event in events if event.velocity > 0.0]
    assert len(starts) > 50 and len(events) == 2 * len(starts)
    drums = {event.pitch for event in starts if event.instrument.endswith("@drums")}
    assert drums <= set(range(35, 83)) and {36, 42} & drums
