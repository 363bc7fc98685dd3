"""Notes on a grid become strikes in time."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from composer.performer import Performance, Performer, swung
from composer.presets import PRESETS, Preset
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES, Beat, Strike
from tests.composer.scripted import progression

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())


def play(preset: Preset, beats: int, valence: float, arousal: float, seed: int = 3) -> list[Performance]:
    performer, at, out = Performer(preset, seed), 0, []
    for beat in progression(preset, beats):
        played = performer.perform(beat, valence, arousal, at)
        at += played.length_samples
        out.append(played)
    return out


def strikes(played: list[Performance], section: str = "") -> list[Strike]:
    return [s for p in played for s in p.strikes if s.instrument.endswith(section)]


@every_preset
def test_strikes_are_ordered_and_within_reach(preset: Preset) -> None:
    performer, at = Performer(preset, 5), 0
    for beat in progression(preset, 32):
        played = performer.perform(beat, -0.6, 0.7, at)
        times = [s.at_sample for s in played.strikes]
        assert times == sorted(times)
        assert all(at <= t < at + played.length_samples + SAMPLE_RATE_HZ // 20 for t in times)
        assert all(0.0 < s.velocity <= 1.0 and s.length_samples > 0 for s in played.strikes)
        at += played.length_samples


@every_preset
def test_the_same_seed_plays_the_same_and_another_does_not(preset: Preset) -> None:
    assert play(preset, 16, 0.2, 0.2) == play(preset, 16, 0.2, 0.2)
    if preset.mix.humanise_ms or preset.groove.family != "none":
        assert play(preset, 16, 0.2, 0.2, seed=4) != play(preset, 16, 0.2, 0.2)


@every_preset
def test_a_restored_performer_goes_on_exactly(preset: Preset) -> None:
    beats = list(progression(preset, 30))
    whole, at, expected = Performer(preset, 9), 0, []
    saved = ""
    for index, beat in enumerate(beats):
        if index == 13:
            whole.accent()
            saved, resumed_at = json.dumps(whole.state()), at
        arousal = -0.9 + index / 16.0
        expected.append(whole.perform(beat, 0.1, arousal, at))
        at += expected[-1].length_samples
    other, at = Performer(preset, 9), resumed_at
    other.restore(json.loads(saved))
    for index in range(13, 30):
        played = other.perform(beats[index], 0.1, -0.9 + index / 16.0, at)
        assert played == expected[index]
        at += played.length_samples


def test_a_state_is_a_copy() -> None:
    performer = Performer(PRESETS["lofi"], 1)
    before = performer.state()
    before["layers"][0] = True
    before["chord"].append(60)
    assert performer.state()["layers"][0] is False and performer.state()["chord"] == []


def test_a_state_of_another_preset_is_refused() -> None:
    with pytest.raises(ValueError, match="another preset"):
        Performer(PRESETS["lofi"], 1).restore(Performer(PRESETS["ambient"], 1).state())


@every_preset
def test_tempo_and_loudness_follow_arousal(preset: Preset) -> None:
    lengths, levels = [], []
    for arousal in (-0.9, -0.4, 0.0, 0.4, 0.9):
        played = play(preset, 24, 0.0, arousal)
        lengths.append(sum(p.length_samples for p in played))
        melody = [
            s.velocity for s in strikes(played, "@lead") if s.instrument.startswith(preset.parts[0].patch)
        ]
        levels.append(sum(melody) / len(melody))
    assert lengths == sorted(lengths, reverse=True)
    assert levels == sorted(levels)


@every_preset
def test_more_arousal_strikes_more_notes(preset: Preset) -> None:
    rates = []
    for arousal in (-0.9, 0.0, 0.9):
        played = play(preset, 32, 0.0, arousal)
        rates.append(len(strikes(played)) / sum(p.length_samples for p in played))
    assert rates == sorted(rates)


def test_notes_get_shorter_with_arousal() -> None:
    preset = PRESETS["neoclassical"]
    ratios = []
    for arousal in (-0.9, 0.0, 0.9):
        played = play(preset, 4, 0.0, arousal)
        lead = strikes(played, "felt_piano@lead")
        ratios.append(lead[0].length_samples / played[0].length_samples)
    assert ratios == sorted(ratios, reverse=True)


def test_tempo_changes_smoothly_and_is_aimed_at_bar_lines_only() -> None:
    preset = PRESETS["cinematic"]
    performer, at = Performer(preset, 1), 0
    lengths: list[int] = []
    aims: list[float] = []
    for index, beat in enumerate(progression(preset, 48)):
        played = performer.perform(beat, 0.0, -0.8 if index < 10 else 0.9, at)
        at += played.length_samples
        lengths.append(played.length_samples)
        aims.append(performer.tempo_bpm)
    assert len(set(aims[:12])) == 1, "the change came in mid-bar and waits for the bar line"
    assert aims[12] > aims[11]
    assert max(abs(b / a - 1.0) for a, b in pairwise(lengths)) < 0.08
    assert aims[-1] == pytest.approx(preset.bpm(0.9))


def test_layers_change_at_bar_lines_only() -> None:
    preset = PRESETS["neoclassical"]
    performer, at = Performer(preset, 1), 0
    seen: list[bool] = []
    for index, beat in enumerate(progression(preset, 12)):
        played = performer.perform(beat, 0.0, -0.5 if index < 2 else 0.9, at)
        seen.append(any(s.instrument == "violin@lead" for s in played.strikes))
        at += played.length_samples
    assert not any(seen[:4]) and all(seen[4:])


def test_beat_lengths_add_up_without_drift() -> None:
    preset = PRESETS["jazz"]
    total = sum(p.length_samples for p in play(preset, 400, 0.0, 0.0))
    exact = 400 * 60.0 * SAMPLE_RATE_HZ / preset.bpm(0.0)
    assert abs(total - exact) < 1.0


def test_a_short_last_beat_is_short() -> None:
    preset = PRESETS["folk"]
    whole = Beat(0, 0, 12, 42, 0, False, ())
    half = Beat(0, 36, 6, 42, 0, False, ())
    performer = Performer(preset, 1)
    first = performer.perform(whole, 0.0, 0.0, 0).length_samples
    last = performer.perform(half, 0.0, 0.0, first).length_samples
    assert last == pytest.approx(first / 2, abs=1)


def test_negative_valence_brings_the_low_tonic() -> None:
    def drone(valence: float) -> list[Strike]:
        played = play(PRESETS["jazz"], 8, valence, -0.5)
        return strikes(played, "cello@bass")

    assert drone(-0.9) and not drone(0.5)


def test_an_accent_marks_the_next_beat_and_only_that() -> None:
    preset = PRESETS["ambient"]
    performer = Performer(preset, 1)
    beats = list(progression(preset, 3))
    first = performer.perform(beats[0], 0.0, 0.0, 0)
    performer.accent()
    second = performer.perform(beats[1], 0.0, 0.0, first.length_samples)
    third = performer.perform(beats[2], 0.0, 0.0, first.length_samples + second.length_samples)
    assert [bool(strikes([p], "@drums")) for p in (first, second, third)] == [False, True, False]
    assert (
        min(s.at_sample for s in second.strikes if s.instrument == "boom@drums") - first.length_samples
        < TICK_SAMPLES
    )


def test_swing_moves_off_beats_only() -> None:
    assert [swung(s, 6, 1.0) for s in (0, 4, 8)] == [0, 4, 8]
    assert swung(6, 6, 1.0) == pytest.approx(8.0)
    assert swung(6, 6, 0.0) == 6.0
    assert swung(3, 3, 0.6) > 3.0 and swung(9, 3, 0.6) > 9.0 and swung(6, 3, 0.6) == 6.0
