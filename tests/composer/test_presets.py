"""Every preset is complete: it can be played with what there is."""

from __future__ import annotations

import pytest

from composer.drumkit import DRUMS
from composer.groove import FAMILIES
from composer.idioms import IDIOMS
from composer.instruments import INSTRUMENTS
from composer.presets import DEFAULT_PRESET, PRESETS, SECTIONS, Preset

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())


def test_the_eight_styles_are_there() -> None:
    asked = {"ambient", "neoclassical", "lofi", "synthwave", "cinematic", "chiptune", "folk", "jazz"}
    assert asked <= set(PRESETS)
    assert DEFAULT_PRESET in PRESETS


@every_preset
def test_every_patch_exists_and_every_role_always_has_a_voice(preset: Preset) -> None:
    assert {part.patch for part in preset.parts} <= set(INSTRUMENTS)
    assert {part.section for part in preset.parts} <= set(SECTIONS) - {"drums"}
    assert preset.groove.family in FAMILIES
    assert set(preset.groove.accent) <= set(DRUMS)
    assert preset.drone in INSTRUMENTS
    for role in range(4):
        always = [p for p in preset.parts if p.role == role and p.above <= -1.0 and p.below >= 1.0]
        assert always, f"role {role} can fall silent"


@every_preset
def test_tempo_rises_with_arousal(preset: Preset) -> None:
    tempi = [preset.bpm(a / 10.0) for a in range(-10, 11)]
    assert tempi == sorted(tempi) and len(set(tempi)) == len(tempi)
    assert preset.bpm(-1.0) == pytest.approx(preset.tempo_bpm[0])
    assert preset.bpm(1.0) == pytest.approx(preset.tempo_bpm[1])


def test_presets_differ_in_what_a_listener_hears() -> None:
    orchestras = {tuple(sorted({part.patch for part in p.parts})) for p in PRESETS.values()}
    assert len(orchestras) == len(PRESETS)
    assert len({(p.genre, p.instrumentation, p.atmosphere, p.pacing) for p in PRESETS.values()}) == len(
        PRESETS
    )
    assert {p.bar_steps for p in PRESETS.values()} <= {36, 48}
    assert {p.style.idiom for p in PRESETS.values()} == set(IDIOMS)


def test_every_drum_of_every_family_exists() -> None:
    assert {lane.patch for lanes in FAMILIES.values() for lane in lanes} <= set(DRUMS)
