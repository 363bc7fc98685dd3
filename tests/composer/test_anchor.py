"""What free text is taken to mean, and what the reply says about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from composer import lexicon
from composer.anchor import MAX_CHARACTERS, read_anchor
from composer.drumkit import DRUMS
from composer.errors import AnchorError
from composer.groove import FAMILIES, drums_of
from composer.instruments import INSTRUMENTS
from composer.phrases import BREAK, KNOWN, MOST_WORDS, words_of
from composer.presets import PRESETS, Part
from composer.score import BASS, LEAD, MIDDLE, UPPER

PAGE = Path(__file__).parents[2] / "docs" / "anchors.md"
PIANOS = {"felt_piano", "grand_piano", "e_piano"}
BASSES = {"upright_bass", "round_bass", "synth_bass", "sub_bass", "triangle_bass"}
STRINGS = {"strings", "low_strings", "violin", "cello", "pizzicato"}


def always(parts: tuple[Part, ...]) -> set[int]:
    """The roles that have a voice whatever affect says."""
    return {p.role for p in parts if p.above <= -1.0 and p.below >= 1.0 and p.valence_from <= -1.0}


def patches(text: str) -> set[str]:
    return {part.patch for part in read_anchor(text).preset.parts}


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
    assert always(parts) == {LEAD, UPPER, MIDDLE, BASS}


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
    assert set(lexicon.SCENES.values()) <= set(PRESETS)
    assert {patch for kin in lexicon.KIN.values() for patch in kin} <= set(INSTRUMENTS)
    assert set(lexicon.KIN) <= set(lexicon.INSTRUMENTS)
    assert {key for keys in lexicon.IMPLIED.values() for key in keys} | set(lexicon.IMPLIED) <= KNOWN
    passed_on = KNOWN | lexicon.NEGATIONS | lexicon.FILLERS
    assert set(lexicon.ALIASES.values()) <= passed_on, set(lexicon.ALIASES.values()) - passed_on
    assert set(lexicon.DRUM_NAMES) == set(FAMILIES) - {"none"}
    assert all(len(phrase.split()) <= MOST_WORDS for phrase in (*KNOWN, *lexicon.ALIASES))


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"cinematic"}))
def test_a_preset_s_name_in_a_sentence_changes_nothing_of_it(name: str) -> None:
    preset, own = read_anchor(f"some {name} music, please").preset, PRESETS[name]
    assert (preset.parts, preset.groove, preset.mix, preset.tempo_bpm) == (
        own.parts,
        own.groove,
        own.mix,
        own.tempo_bpm,
    )


@pytest.mark.parametrize(
    "words",
    [
        *("no drums", "without any drums", "no more drums", "never any drums", "zero drums", "drums off"),
        *("don't use drums", "don\u2019t use the drums", "do not use any drums", "minus drums", "no beat"),
        *("drumless", "beatless", "no beats", "no-drums", "drum-free", "turn off the drums", "w/o drums"),
        *("no heavy drums", "no percussion", "neither drums nor horns", "no horns or drums"),
        *("ohne Schlagzeug", "kein Schlagzeug", "sin batería", "nor drums"),
    ],
)
@pytest.mark.parametrize("name", ["jazz", "ambient", "chiptune"])
def test_without_drums_there_are_none_at_cuts_either(words: str, name: str) -> None:
    anchor = read_anchor(f"{name}, {words}")
    assert anchor.preset_name == name and not anchor.ignored
    assert anchor.preset.groove.family == "none"
    assert set(drums_of(anchor.preset.groove)) <= {"swell"}
    assert len(anchor.understood) >= 2


def test_less_drums_are_soft_ones_and_never_new_ones() -> None:
    assert read_anchor("jazz, less drums").preset.groove.family == "soft"
    assert read_anchor("ambient, less drums").preset.groove.family == "none"
    assert read_anchor("jazz, less piano").ignored == ("less piano",)


def test_drums_that_are_ruled_out_elsewhere_are_told() -> None:
    anchor = read_anchor("lofi, drums, no drums")
    assert anchor.preset.groove.family == "none" and anchor.ignored == ("drums",)


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("no jazz", "no jazz"),
        ("not dark", "not dark"),
        ("no slow songs, only", "no slow"),
        ("not too fast", "not too fast"),
        ("not really jazz", "not really jazz"),
        ("not 90 bpm", "not 90 bpm"),
        ("no waltz", "no waltz"),
        ("no copyright", "no copyright"),
    ],
)
def test_what_is_ruled_out_and_cannot_be_does_not_vote(text: str, ignored: str) -> None:
    anchor, nothing = read_anchor(text), read_anchor("qwertz")
    assert ignored in anchor.ignored and not anchor.understood
    assert anchor.preset == nothing.preset


def test_a_negation_ends_with_its_clause() -> None:
    anchor = read_anchor("no drums, piano and flute, not too fast jazz")
    assert anchor.understood == ("no drums", "piano", "flute", "jazz")
    assert read_anchor("not only piano, a flute too").understood == ("piano", "flute")
    assert read_anchor("no copyright jazz piano").understood == ("jazz", "piano")


@pytest.mark.parametrize(
    ("text", "patch"),
    [
        ("jazz piano", "grand_piano"),
        ("jazz piano, no grand piano", "felt_piano"),
        ("jazz, felt piano", "felt_piano"),
        ("lofi piano", "felt_piano"),
        ("sad piano", "felt_piano"),
    ],
)
def test_a_familys_name_means_the_styles_own_member_of_it(text: str, patch: str) -> None:
    """No electric one: who wants it says so."""
    assert {part.patch for part in read_anchor(text).preset.parts} & PIANOS == {patch}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    ("word", "family"),
    [
        ("piano", PIANOS),
        ("guitar", {"nylon_guitar", "steel_guitar"}),
        ("bass", BASSES),
        ("strings", STRINGS),
        ("felt piano", {"felt_piano"}),
        ("pads", {"warm_pad", "air_pad", "saw_pad"}),
    ],
)
def test_an_instrument_ruled_out_takes_its_family_along(name: str, word: str, family: set[str]) -> None:
    anchor = read_anchor(f"{name}, no {word}")
    assert f"no {word}" in anchor.understood and not anchor.ignored
    assert not family & {part.patch for part in anchor.preset.parts}
    assert anchor.preset.drone not in family
    assert always(anchor.preset.parts) == {LEAD, UPPER, MIDDLE, BASS}
    assert word == "felt piano" or word not in anchor.instrumentation.replace(f"no {word}", "")


@pytest.mark.parametrize("name", PRESETS)
def test_no_bass_lifts_the_lowest_line(name: str) -> None:
    preset = read_anchor(f"{name}, no bass").preset
    lowest = [part for part in preset.parts if part.role == BASS]
    assert [(part.shift, part.section) for part in lowest] == [(12, "harmony")]
    assert preset.drone == ""


def test_or_and_nor_rule_out_both() -> None:
    for text in ("lofi, no drums or bass", "lofi, neither drums nor bass", "lofi, no drums, no bass"):
        preset = read_anchor(text).preset
        assert preset.groove.family == "none" and not BASSES & {part.patch for part in preset.parts}


def test_one_of_a_family_may_stay() -> None:
    assert patches("lofi, no piano but rhodes") & PIANOS == {"e_piano"}
    assert patches("lofi, no bass but an upright bass") & BASSES == {"upright_bass"}


def test_an_instrument_both_asked_for_and_ruled_out_is_told() -> None:
    anchor = read_anchor("jazz with piano, no piano")
    assert anchor.ignored == ("piano",) and anchor.understood == ("jazz", "no piano")
    both = read_anchor("piano, felt piano, no piano")
    assert both.ignored == ("piano", "felt piano") and both.understood == ("no piano",)


def test_what_cannot_be_ruled_out_is_told() -> None:
    # The last stand-in of a place stays, and the phrase that asked for it to go is taken back.
    text = "ambient " + " ".join(f"no {word}" for word in lexicon.INSTRUMENTS)
    anchor = read_anchor(text[:MAX_CHARACTERS])
    assert anchor.ignored
    played = {part.patch for part in anchor.preset.parts}
    for said in anchor.understood[1:]:
        word = said.removeprefix("no ")
        assert not set(lexicon.KIN.get(word, (lexicon.INSTRUMENTS[word][0],))) & played, said


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("violin and flute", {"violin", "flute"}),
        ("harp, organ and accordion", {"harp", "organ", "accordion"}),
        ("cello and sub bass", {"cello", "sub_bass"}),
        ("felt piano, nylon guitar, clarinet", {"felt_piano", "nylon_guitar", "clarinet"}),
    ],
)
def test_several_instruments_of_one_role_all_play(name: str, words: str, asked: set[str]) -> None:
    anchor = read_anchor(f"{name} with {words}")
    assert not anchor.ignored
    assert asked <= {part.patch for part in anchor.preset.parts}
    assert always(anchor.preset.parts) == {LEAD, UPPER, MIDDLE, BASS}


@pytest.mark.parametrize("name", PRESETS)
def test_the_first_named_leads_and_the_second_joins_with_arousal(name: str) -> None:
    parts = read_anchor(f"{name} with horn and oboe").preset.parts
    assert next(part.patch for part in parts if part.role == LEAD) == "horn"
    assert [part.above > -1.0 for part in parts if part.patch == "clarinet"] == [True]


def test_who_got_no_part_is_told() -> None:
    anchor = read_anchor("jazz with harp, organ, accordion, choir, pads")
    assert anchor.ignored == ("choir", "pads")
    assert "harp, organ" in anchor.instrumentation and "choir" not in anchor.instrumentation


@pytest.mark.parametrize(
    "text", ["lofi with flute", "neoclassical, no piano", "jazz, no drums", "ambient beat"]
)
def test_what_is_told_to_play_plays(text: str) -> None:
    anchor = read_anchor(text)
    for part in anchor.preset.parts:
        name = {"e_piano": "electric piano", "vibes": "vibraphone"}.get(part.patch, part.patch)
        assert name.replace("_", " ") in anchor.instrumentation
    said = " ".join((anchor.genre, anchor.pacing))
    assert "piano" not in said and "no beat" not in said
    assert ("no drums" in anchor.instrumentation) == ("no drums" in text)


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("lofi/jazz", ("lofi", "jazz")),
        ("dark-ambient", ("dark", "ambient")),
        ("piano/strings", ("piano", "strings")),
        ("lofi-beats", ("lofi", "beats")),
        ("Jazz-Piano", ("jazz", "piano")),
        ("lo-fi, 8-bit, 3/4, hip-hop/jazz", ("lo-fi", "8-bit", "3/4", "hip-hop", "jazz")),
        ("new-age", ("new-age",)),
        ("no-drums jazz", ("no drums", "jazz")),
    ],
)
def test_a_compound_is_read_part_by_part(text: str, understood: tuple[str, ...]) -> None:
    # Written together, a phrase of two words is one all the same.
    said = tuple(each.replace("new age", "new-age") for each in read_anchor(text).understood)
    assert said == understood and not read_anchor(text).ignored


@pytest.mark.parametrize("text", ["rápido", "RA\u0301PIDO", "\uff52\uff41\uff50\uff49do", "rapido"])
def test_accents_and_widths_do_not_matter(text: str) -> None:
    anchor = read_anchor(f"{text} jazz")
    assert anchor.pacing == "fast" and not anchor.ignored


def test_words_of_any_script_are_whole_and_told() -> None:
    assert read_anchor("jazz 音楽 संगीत нет Blümchen").ignored == ("音楽", "संगीत", "нет", "blümchen")


@pytest.mark.parametrize("text", ["\N{GUITAR}\N{FIRE}", "?!", " ... "])
def test_text_without_a_word_is_told_so(text: str) -> None:
    anchor = read_anchor(text)
    assert anchor.ignored == (f"{text.strip()} (no words)",) and anchor.understood == ()


def test_words_are_parted_at_clauses() -> None:
    assert [word.said for word in words_of("no drums. 92.5 bpm")] == [
        "no",
        "drums",
        BREAK.said,
        "92.5",
        "bpm",
    ]


def test_a_word_of_drums_is_not_for_the_style_that_has_none() -> None:
    assert read_anchor("beat").preset_name != "ambient"
    assert read_anchor("beat").preset.groove.family == "soft"
    assert read_anchor("ambient beat").pacing == "very slow"


@pytest.mark.parametrize("text", ["drum and bass", "dnb", "drum & bass", "drum n bass", "drum'n'bass", "d&b"])
def test_drum_and_bass_is_fast_and_has_drums(text: str) -> None:
    anchor = read_anchor(text)
    assert anchor.preset_name == "synthwave" and anchor.genre == "drum and bass"
    assert anchor.preset.tempo_bpm[0] > 110.0 and anchor.preset.groove.family == "synthwave"
    assert read_anchor("drums and bass").genre != "drum and bass"


def test_a_string_quartet_is_strings_alone() -> None:
    anchor = read_anchor("string quartet")
    assert anchor.preset_name == "neoclassical" and anchor.preset.groove.family == "none"
    assert patches("string quartet") == {"violin", "strings", "cello"}


@pytest.mark.parametrize(
    ("text", "preset"),
    [
        *(
            (word, "synthwave")
            for word in ("rock", "metal", "pop", "vaporwave", "dubstep", "phonk", "party", "hype")
        ),
        *(
            (word, "cinematic")
            for word in ("boss battle", "boss fight", "action", "battle", "fantasy", "rpg")
        ),
        *((word, "ambient") for word in ("horror", "dungeon", "sci-fi", "scifi")),
        ("chip tune", "chiptune"),
        ("ukulele", "folk"),
        ("funk", "jazz"),
        ("jazz for a party", "jazz"),
        ("chiptune boss battle", "chiptune"),
    ],
)
def test_words_of_streams_find_a_style(text: str, preset: str) -> None:
    anchor = read_anchor(text)
    assert anchor.preset_name == preset and not anchor.ignored


def test_what_a_scene_brings_along_gives_way_to_what_is_said() -> None:
    assert read_anchor("battle").preset.tempo_bpm[0] > PRESETS["cinematic"].tempo_bpm[0]
    assert read_anchor("slow battle").pacing == "slow"
    assert read_anchor("battle, not fast").preset.tempo_bpm == PRESETS["cinematic"].tempo_bpm
    assert read_anchor("battle, no drums").preset.groove.family == "none"


@pytest.mark.parametrize(
    ("text", "bpm"),
    [
        ("bpm 140", 140.0),
        ("tempo 140", 140.0),
        ("tempo: 140 bpm", 140.0),
        ("tempo of 92.5", 92.5),
        ("140 BPM", 140.0),
        ("140bpm", 140.0),
        ("90-100 bpm", 95.0),
        ("90 \u2013 100 bpm", 95.0),
        ("90 to 100 bpm", 95.0),
        ("90-100bpm", 95.0),
        ("90 beats per minute", 90.0),
    ],
)
def test_a_tempo_is_read_however_it_is_written(text: str, bpm: float) -> None:
    anchor = read_anchor(f"jazz, {text}")
    assert anchor.preset.bpm(0.0) == pytest.approx(bpm) and not anchor.ignored


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("langsames Klavier", "slow piano"),
        ("Klavier und Geige, langsam, ruhig", "piano and violin, slow, calm"),
        ("traurige Gitarre ohne Schlagzeug", "sad guitar without drums"),
        ("guitarra y piano, muy rápido, sin batería", "guitar and piano, very fast, without drums"),
        ("jazz triste y tranquilo, lento", "jazz sad and calm, lento"),
    ],
)
def test_a_few_words_of_german_and_spanish_are_read(text: str, english: str) -> None:
    assert read_anchor(text).preset == read_anchor(english).preset


def test_a_slip_of_a_long_word_is_read_and_told() -> None:
    anchor = read_anchor("orchestrl music, melancolic, jazzz")
    assert anchor.understood == ("orchestrl (as orchestral)", "melancolic (as melancholic)")
    assert anchor.ignored == ("jazzz",)


def _rows() -> list[tuple[str, str, str, str]]:
    rows = re.findall(r"^\| `(.+?)` \| (.*?) \| (.*?) \| (.*?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 10
    return rows


@pytest.mark.parametrize(("text", "preset", "understood", "ignored"), _rows())
def test_the_page_tells_the_truth(text: str, preset: str, understood: str, ignored: str) -> None:
    anchor = read_anchor(text)
    assert (anchor.preset_name, "; ".join(anchor.understood), "; ".join(anchor.ignored)) == (
        preset,
        understood,
        ignored,
    )
