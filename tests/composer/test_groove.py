"""Drums: never a loop, fills where phrases end, more of them with arousal."""

from __future__ import annotations

import pytest

from composer.groove import FAMILIES, PHRASE_BARS, Hit, hits
from composer.presets import PRESETS, Groove

played_families = [name for name, lanes in FAMILIES.items() if lanes]


def bar_of(groove: Groove, bar: int, arousal: float, seed: int = 2, bar_steps: int = 48) -> tuple[Hit, ...]:
    out: list[Hit] = []
    for position in range(0, bar_steps, 12):
        beat = hits(groove, seed, bar, position, 12, bar_steps, arousal)
        out += [Hit(h.step + position, h.patch, h.velocity) for h in beat]
    return tuple(out)


def shape(bar: tuple[Hit, ...]) -> frozenset[tuple[int, str]]:
    return frozenset((h.step, h.patch) for h in bar)


@pytest.mark.parametrize("family", played_families)
def test_no_eight_bars_repeat(family: str) -> None:
    groove = Groove(family)
    bars = [bar_of(groove, bar, 0.3) for bar in range(64)]
    eights = [tuple(bars[k : k + 8]) for k in range(57)]
    assert len(set(eights)) == len(eights)
    assert len({shape(bar) for bar in bars}) > 8


@pytest.mark.parametrize("family", played_families)
def test_neighbouring_bars_still_resemble_each_other(family: str) -> None:
    groove = Groove(family)
    likeness = []
    for phrase in range(8):
        first, second = (shape(bar_of(groove, phrase * PHRASE_BARS + k, 0.2)) for k in (1, 2))
        likeness.append(len(first & second) / max(len(first | second), 1))
    assert sum(likeness) / len(likeness) > 0.5


@pytest.mark.parametrize("family", played_families)
def test_more_arousal_is_more_drums(family: str) -> None:
    groove = Groove(family)
    counts = [sum(len(bar_of(groove, bar, a)) for bar in range(16)) for a in (-0.4, 0.2, 0.9)]
    assert counts[0] < counts[1] < counts[2]


def test_drums_rest_when_it_is_calm() -> None:
    for preset in PRESETS.values():
        assert not bar_of(preset.groove, 0, -1.0)


def test_a_phrase_ends_in_a_fill() -> None:
    groove = Groove("synthwave")
    fills = [shape(bar_of(groove, k * 8 + 7, 0.6)) for k in range(6)]
    assert any({patch for step, patch in fill if step >= 24} & {"tom", "snare_gated"} for fill in fills)
    assert all(fill != shape(bar_of(groove, k * 8 + 6, 0.6)) for k, fill in enumerate(fills))


def test_three_in_a_bar_stays_in_the_bar() -> None:
    for family in played_families:
        assert all(h.step < 36 and 0.0 < h.velocity <= 1.0 for h in bar_of(Groove(family), 7, 0.9, 1, 36))
