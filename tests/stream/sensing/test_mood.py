from __future__ import annotations

import pytest

from stream.ports import Affect, Reading
from stream.sensing.mood import OVERRIDE_S, REPLAYED_S, Mood


class Window:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Reading] = []

    def add(self, reading: Reading) -> None:
        self.told.append(reading)

    def estimate(self, t_s: float) -> Affect:
        return Affect(self.told[-1].valence if self.told else 0.0, 0.0, 1.0)


def make() -> tuple[Mood, dict[str, Window]]:
    windows = {"calm": Window(), "reactive": Window()}
    return Mood({name: lambda w=w: w for name, w in windows.items()}, "calm"), windows  # type: ignore[misc]


def reading(t_s: float, valence: float = 0.0, cut: bool = False) -> Reading:
    return Reading(t_s, valence, 0.0, 1.0, cut)


def test_held_affect_stays_while_readings_come() -> None:
    mood, _ = make()
    mood.take(reading(1.0, 0.5))
    assert mood.estimate(1.0).valence == 0.5
    mood.held = True
    mood.take(reading(2.0, -0.5))
    assert mood.estimate(2.0).valence == 0.5
    mood.held = False
    assert mood.estimate(2.0).valence == -0.5


def test_an_override_that_is_not_renewed_ends_by_itself() -> None:
    mood, _ = make()
    mood.take(reading(1.0, 0.5))
    mood.override(-1.0, 1.0, 1.0)
    assert mood.estimate(1.0 + OVERRIDE_S - 0.01) == (-1.0, 1.0, 1.0)
    mood.override(-0.9, 1.0, 2.5)
    assert mood.estimate(2.5 + OVERRIDE_S - 0.01).valence == -0.9
    assert mood.estimate(2.5 + OVERRIDE_S).valence == 0.5


def test_letting_go_while_held_stays_where_the_hand_was() -> None:
    mood, _ = make()
    mood.take(reading(1.0, 0.5))
    mood.held = True
    mood.override(-1.0, 1.0, 1.0)
    mood.hand_back()
    assert mood.estimate(5.0).valence == -1.0


def test_a_cut_we_are_told_of_reaches_the_window_with_the_next_reading() -> None:
    mood, windows = make()
    mood.take(reading(1.0))
    assert mood.told_of_cut(1.1)
    assert not mood.take(reading(1.2))  # not counted again
    mood.take(reading(1.3))
    assert [one.cut for one in windows["calm"].told] == [False, True, False]
    assert mood.cuts.count == 1


def test_a_new_window_knows_the_last_while() -> None:
    mood, windows = make()
    for n in range(40):
        mood.take(reading(float(n), n / 40))
    mood.set_reactivity("reactive")
    told = [one.t_s for one in windows["reactive"].told]
    assert told == [float(n) for n in range(40) if n > 39 - REPLAYED_S]
    assert mood.estimate(40.0).valence == 39 / 40
    with pytest.raises(ValueError, match="calm, reactive"):
        mood.set_reactivity("frantic")
    assert mood.reactivity == "reactive"
