"""What free text is taken to mean, and what the reply says about it."""

from __future__ import annotations

import pytest

from composer import lexicon
from composer.anchor import MAX_CHARACTERS, read_anchor
from composer.drumkit import DRUMS
from composer.errors import AnchorError
from composer.groove import FAMILIES
from composer.instruments import INSTRUMENTS
from composer.presets import PRESETS
from composer.score import LEAD


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_by_name_is_that_preset(name: str) -> None:
    anchor = read_anchor(f"  {name.upper()} ")
    assert anchor.preset is PRESETS[name]
    assert anchor.understood == (name,) and anchor.ignored == ()
    assert anchor.genre and anchor.instrumentation and anchor.atmosphere and anchor.pacing


@pytest.mark.parametrize(
    ("text", "preset"),
    [
        ("epic orchestral trailer music", "cinematic"),
        ("lo-fi hip hop beats to study to", "lofi"),
        ("8-bit arcade music", "chiptune"),
        ("smoky noir lounge with brushes", "jazz"),
        ("celtic tavern, fiddle and guitar", "folk"),
        ("retro outrun synths", "synthwave"),
        ("slow meditative drone", "ambient"),
        ("a felt piano nocturne", "neoclassical"),
    ],
)
def test_text_finds_the_nearest_preset(text: str, preset: str) -> None:
    assert read_anchor(text).preset_name == preset


def test_instruments_and_tempo_override_the_preset() -> None:
    anchor = read_anchor("slow jazz with flute, no drums")
    slower, jazz = anchor.preset, PRESETS["jazz"]
    assert slower.tempo_bpm[0] < jazz.tempo_bpm[0] and slower.tempo_bpm[1] < jazz.tempo_bpm[1]
    assert next(p.patch for p in slower.parts if p.role == LEAD) == "flute"
    assert slower.groove.family == "none"
    assert {"slow", "jazz", "flute", "no drums"} <= set(anchor.understood)


def test_a_tempo_in_bpm_is_the_middle_of_the_range() -> None:
    for text in ("ambient at 90 bpm", "ambient 90bpm"):
        assert read_anchor(text).preset.bpm(0.0) == pytest.approx(90.0)
    assert "900 bpm" not in read_anchor("ambient 900 bpm").understood


def test_atmosphere_moves_the_mix() -> None:
    dark, bright = read_anchor("dark folk").preset, read_anchor("bright folk").preset
    assert dark.mix.cutoff_hz < PRESETS["folk"].mix.cutoff_hz < bright.mix.cutoff_hz
    assert read_anchor("dreamy folk").preset.mix.reverb > PRESETS["folk"].mix.reverb


def test_what_means_nothing_is_said() -> None:
    anchor = read_anchor("zorgle jazz for my blimpish stream")
    assert anchor.ignored == ("zorgle", "blimpish")
    assert anchor.preset_name == "jazz"


def test_text_that_means_nothing_still_plays_something() -> None:
    anchor = read_anchor("qwertz äöü 音楽")
    assert anchor.preset_name in PRESETS and anchor.understood == ()


def test_banning_every_instrument_leaves_each_role_one_voice() -> None:
    text = "ambient " + " ".join(f"no {word}" for word in lexicon.INSTRUMENTS)
    parts = read_anchor(text[:MAX_CHARACTERS]).preset.parts
    assert {p.role for p in parts if p.above <= -1.0 and p.below >= 1.0} == {0, 1, 2, 3}


@pytest.mark.parametrize("text", ["", "  \n ", "a" * (MAX_CHARACTERS + 1)])
def test_what_cannot_be_an_anchor_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(AnchorError) as caught:
        read_anchor(text)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).endswith(".")


def test_reading_is_deterministic() -> None:
    text = "warm nostalgic piano and strings, fast, with drums"
    assert read_anchor(text) == read_anchor(text)


def test_the_lexicon_names_only_what_exists() -> None:
    assert set(lexicon.GENRES.values()) <= set(PRESETS)
    assert {patch for patch, _ in lexicon.INSTRUMENTS.values()} <= set(INSTRUMENTS)
    assert {patch for patch, _ in lexicon.INSTRUMENTS.values()} <= set(lexicon.INSTRUMENT_HOMES)
    assert set(lexicon.INSTRUMENT_HOMES.values()) <= set(PRESETS)
    assert {family for family in lexicon.GROOVES.values() if family} <= set(FAMILIES)
    assert not set(INSTRUMENTS) & set(DRUMS)
    phrases = [*lexicon.GENRES, *lexicon.INSTRUMENTS, *lexicon.PACES, *lexicon.ATMOSPHERES, *lexicon.GROOVES]
    assert all(len(phrase.split()) <= 2 for phrase in phrases)
