"""The room: an echo when it is due, a reverb that dies away as told, and a state that goes on to the bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from composer.room import DRY, ROUTES, TO_ECHO, TO_REVERB, Room, Sound
from composer.score import TICK_SAMPLES


def silence(pairs: int = 1) -> Sound:
    return np.zeros((pairs, ROUTES, 2, TICK_SAMPLES), np.float32)


def click(route: int, side: int = 0, pair: int = 0, pairs: int = 1) -> Sound:
    sent = silence(pairs)
    sent[pair, route, side, 100] = 1.0
    return sent


def heard(
    room: Room, first: Sound, ticks: int, decay: float = 0.8, width: float = 1.0, echo: bool = True
) -> Sound:
    """(pairs, 2, samples): `first`, then silence."""
    quiet = silence(len(first))
    blocks = [room.process(first, decay, width, echo).copy()]
    blocks += [room.process(quiet, decay, width, echo).copy() for _ in range(ticks - 1)]
    return np.concatenate(blocks, axis=2)


def test_dry_sound_goes_through_as_it_is() -> None:
    out = heard(Room(), click(DRY), 300)
    assert out[0, 0, 100] == 1.0 and np.abs(np.delete(out[0, 0], 100)).max() == 0.0 and not out[0, 1].any()


def test_the_echo_comes_when_it_is_due_and_softer_each_time() -> None:
    out = heard(Room(), click(TO_ECHO), 120, decay=0.0)
    assert [round(float(out[0, 0, 100 + k * 17_280]), 4) for k in range(4)] == [0.0, 1.0, 0.38, 0.1444]
    assert heard(Room(), click(TO_ECHO, side=1), 120)[0, 1, 100 + 23_040] == 1.0


def test_some_of_the_echo_is_in_the_reverb() -> None:
    out = heard(Room(), click(TO_ECHO), 60)
    assert np.abs(out[0, 0, 17_281 + 3000 : 17_281 + 10_000]).max() > 1e-3


@pytest.mark.parametrize("decay", [0.6, 0.74, 0.87])
def test_the_reverb_dies_away_by_its_decay(decay: float) -> None:
    """A pass through the lines takes 92 ms in the middle and leaves `decay` of the low tones: measured in
    noise under 1 kHz, between 0.4 and 1.2 s."""
    noise = np.random.default_rng(0).standard_normal((1, ROUTES, 2, TICK_SAMPLES)).astype(np.float32)
    noise[:, [DRY, TO_ECHO]] = 0.0
    out = heard(Room(), noise, 150, decay)[0].sum(axis=0)
    spectrum = np.fft.rfft(out)
    spectrum[len(out) // 48 :] = 0.0
    low = np.fft.irfft(spectrum)
    early, late = (np.square(low[at : at + 19_200]).mean() for at in (9_600, 48_000))
    assert 10.0 * np.log10(late / early) == pytest.approx(0.8 / 0.092 * 20.0 * np.log10(decay), rel=0.1)


def test_treble_dies_away_sooner() -> None:
    out = heard(Room(), click(TO_REVERB), 150)[0, 0]
    early, late = (np.abs(np.fft.rfft(out[at : at + 16_384])) for at in (0, 48_000))
    bins = np.fft.rfftfreq(16_384, 1.0 / 48_000)
    low, high = (bins > 200) & (bins < 1000), (bins > 6000) & (bins < 8000)
    assert late[high].mean() / early[high].mean() < 0.2 * late[low].mean() / early[low].mean()


def test_width_is_of_the_sides() -> None:
    narrow = heard(Room(), click(TO_REVERB), 30, width=0.0)
    assert np.abs(narrow[0, 0]).max() > 0.01
    assert np.allclose(narrow[0, 0], narrow[0, 1], atol=1e-7)
    assert np.abs(heard(Room(), click(TO_REVERB), 30, width=1.0)[0, 1]).max() < 1e-7


def test_pairs_do_not_hear_each_other() -> None:
    pairs = heard(Room(3), click(TO_REVERB, pair=1, pairs=3), 30)
    assert np.array_equal(pairs[1], heard(Room(), click(TO_REVERB), 30)[0])
    assert not pairs[[0, 2]].any()


def test_a_change_of_style_does_not_click() -> None:
    """Decay and width move while a low tone rings."""
    room, at = Room(), np.arange(TICK_SAMPLES)
    blocks = []
    for tick in range(200):
        sent = silence()
        sent[0, TO_REVERB] = np.sin(2.0 * np.pi * 100.0 * (at + tick * TICK_SAMPLES) / 48_000)
        blocks.append(room.process(sent, *((0.9, 1.2) if tick < 100 else (0.6, 0.8))).copy())
    bend = np.abs(np.diff(np.concatenate(blocks, axis=2), 2, axis=2)).max(axis=(0, 1))
    assert bend[95 * TICK_SAMPLES :].max() < 1.3 * bend[60 * TICK_SAMPLES : 95 * TICK_SAMPLES].max()


@pytest.mark.parametrize(("echo", "ticks"), [(True, 7), (True, 61), (False, 13)])
def test_a_state_goes_on_to_the_bit(echo: bool, ticks: int) -> None:
    def going(room: Room) -> Sound:
        random = np.random.default_rng(1)
        sent = (silence() + random.standard_normal(silence().shape)).astype(np.float32)
        return heard(room, sent, 100, 0.7, 1.1, echo)

    one, two = Room(), Room()
    heard(one, click(TO_REVERB) + click(TO_ECHO), ticks, 0.9, 1.0, echo)
    kept = json.loads(json.dumps(one.state()))
    going(two)  # what it held before does not matter
    two.resume(kept)
    assert np.array_equal(going(one), going(two))


def test_a_state_of_other_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        Room(1).resume(Room(2).state())


def test_silence_is_silence_at_last_and_numbers_do_not_get_too_small() -> None:
    room = Room()
    out = heard(room, click(TO_REVERB) + click(TO_ECHO), 1500, decay=0.6)
    assert not out[..., -TICK_SAMPLES:].any()
    assert not room._lines.any() and not any(line.any() for line in room._echo)


def test_an_echo_no_rack_sends_to_any_more_rings_out() -> None:
    room = Room()
    heard(room, click(TO_ECHO), 30)
    out = heard(room, silence(), 2500, echo=False)
    assert out[0, 0, 17_280 + 100 - 30 * TICK_SAMPLES] == 1.0
    assert not any(line.any() for line in room._echo) and room.state()["echo"] == []
