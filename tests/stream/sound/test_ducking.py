"""Ducking that does not pump: what a voice does to the music, in dB and seconds."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from stream.sound.ducking import ATTACK_S, HOLD_S, RELEASE_S, STALE_S, Ducker

STEP_S = 0.025
SPEECH_DB, SILENCE_DB = -25.0, -80.0


def follow(ducker: Ducker, levels: list[float], start_s: float = 0.0) -> list[float]:
    """The gain in dB after each step of 25 ms."""
    gains = []
    for n, level_db in enumerate(levels):
        ducker.hear(level_db, start_s + n * STEP_S)
        gains.append(ducker.gain_db(start_s + n * STEP_S))
    return gains


def steps(seconds: float) -> int:
    return round(seconds / STEP_S)


def test_a_voice_brings_the_music_down_within_the_attack() -> None:
    gains = follow(Ducker(12.0), [SILENCE_DB] * 4 + [SPEECH_DB] * 40)
    assert gains[3] == 0.0
    assert gains[4 + steps(ATTACK_S)] == -12.0 and gains[-1] == -12.0


def test_pauses_between_words_do_not_pump() -> None:
    words = ([SPEECH_DB] * 12 + [SILENCE_DB] * 20) * 6  # 0.3 s of voice, 0.5 s without, again and again
    gains = follow(Ducker(12.0), words)
    assert set(gains[steps(0.5) :]) == {-12.0}


def test_it_comes_back_slowly_after_the_last_word() -> None:
    ducker = Ducker(12.0)
    follow(ducker, [SPEECH_DB] * 20)
    gains = follow(ducker, [SILENCE_DB] * 100, 20 * STEP_S)
    held = steps(HOLD_S) - 2
    assert set(gains[:held]) == {-12.0}
    back = next(n for n, gain in enumerate(gains) if gain == 0.0)
    assert abs(back * STEP_S - HOLD_S - RELEASE_S) < 0.1
    rise = [b - a for a, b in zip(gains[held:back], gains[held + 1 : back], strict=False)]
    assert max(rise) <= 12.0 * STEP_S / RELEASE_S + 1e-9


def test_noise_at_the_threshold_does_not_flutter() -> None:
    gains = follow(Ducker(12.0), [-41.0, -45.0] * 100)
    assert set(gains[20:]) == {-12.0}
    assert set(follow(Ducker(12.0), [-43.0, -47.0] * 100)) == {0.0}


def test_a_voice_that_is_heard_no_more_is_silence() -> None:
    ducker = Ducker(12.0)
    follow(ducker, [SPEECH_DB] * 20)
    for n in range(1, 200):
        gain = ducker.gain_db(20 * STEP_S + n * STEP_S)
    assert gain == 0.0
    assert STALE_S < HOLD_S + RELEASE_S


def test_no_depth_is_no_ducking() -> None:
    assert set(follow(Ducker(0.0), [SPEECH_DB] * 50)) == {0.0}


@given(st.lists(st.floats(-120.0, 0.0), min_size=1, max_size=200), st.floats(0.0, 40.0))
def test_the_gain_is_bounded_and_never_jumps(levels: list[float], depth_db: float) -> None:
    gains = [0.0, *follow(Ducker(depth_db), levels)]
    assert all(-depth_db <= gain <= 0.0 for gain in gains)
    steepest = depth_db * STEP_S / ATTACK_S + 1e-9
    assert all(abs(b - a) <= steepest for a, b in itertools.pairwise(gains))
