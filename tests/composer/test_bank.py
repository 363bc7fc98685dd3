"""The bank: the same tone whenever it is made, and nothing kept that no preset wants."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from composer import bank as bank_module
from composer.bank import Bank, stock
from composer.drumkit import DRUMS, TAKES
from composer.groove import drums_of
from composer.instruments import midi_hz
from composer.presets import PRESETS


@pytest.fixture
def bank() -> Iterator[Bank]:
    made = Bank()
    yield made
    made.close()


def test_a_tone_has_the_pitch_asked_for(bank: Bank) -> None:
    for pitch in (59, 60, 61, 62):
        tone = bank.tone("marimba", pitch)
        assert tone.samples == tone.buffer.num_frames and not tone.loop
        assert 2.0 ** (-2.5 / 12.0) < tone.rate < 2.0 ** (2.5 / 12.0)
    low, high = bank.tone("flute", 69), bank.tone("flute", 70)
    assert low.loop
    ratio = high.rate / low.rate if low.buffer is high.buffer else None
    assert ratio is None or ratio == pytest.approx(midi_hz(70) / midi_hz(69))


def test_warming_gives_the_same_tones(bank: Bank) -> None:
    bank.warm([("marimba", 60, 64)], ["hat_soft"])
    warmed = np.array(bank.tone("marimba", 62).buffer.data)
    take = np.array(bank.take("hat_soft", 1).data)
    cold = Bank()
    assert np.array_equal(warmed, cold.tone("marimba", 62).buffer.data)
    assert np.array_equal(take, cold.take("hat_soft", 1).data)
    cold.close()


def test_what_is_in_stock_is_the_same_tone_and_nobody_makes_it_again(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_module, "_stock", {})
    monkeypatch.setattr(bank_module, "_stock_takes", {})
    stock([("marimba", 60, 64)], ["hat_soft"])
    one, two = Bank(), Bank()
    for made in (one, two):
        made.keep({"kalimba"})  # another style plays for a while
        made.warm([("marimba", 60, 64)], ["hat_soft"])
    tone, take = one.tone("marimba", 62), one.take("hat_soft", 1)
    assert tone.buffer is two.tone("marimba", 62).buffer and take is two.take("hat_soft", 1)
    assert tone[1:] == bank.tone("marimba", 62)[1:]
    assert np.array_equal(tone.buffer.data, bank.tone("marimba", 62).buffer.data)
    assert np.array_equal(take.data, bank.take("hat_soft", 1).data)
    assert not one._coming and not one._coming_takes
    one.close()
    two.close()


def test_keeping_forgets_the_rest(bank: Bank) -> None:
    first, hat = bank.tone("marimba", 60).buffer, bank.take("hat_soft", 0)
    bank.tone("kalimba", 60)
    bank.keep({"kalimba"})
    assert bank.tone("marimba", 60).buffer is not first and bank.take("hat_soft", 0) is not hat
    kept = bank.tone("kalimba", 60).buffer
    bank.keep({"kalimba"})
    assert bank.tone("kalimba", 60).buffer is kept


def test_an_unknown_name_is_a_key_error(bank: Bank) -> None:
    with pytest.raises(KeyError):
        bank.tone("kazoo", 60)
    with pytest.raises(KeyError):
        bank.take("kazoo", 0)


def test_every_drum_a_groove_may_strike_has_its_takes() -> None:
    for preset in PRESETS.values():
        assert set(drums_of(preset.groove)) <= set(DRUMS)
    assert TAKES > 1


def test_close_may_be_called_twice(bank: Bank) -> None:
    bank.warm([("marimba", 48, 84)], ["ride"])
    bank.close()
    bank.close()
