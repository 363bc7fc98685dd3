"""The anchor's form: filled in by the model, and not believed before it is checked."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import torch

from sensor.vlm.anchor import MOST_CHARACTERS, NoAnchor, validate, write
from sensor.vlm.loading import Vlm, load
from sensor.vlm.narrative import Branch, Narrative
from sensor.vlm.prompt import DESCRIBE
from tests.sensor.pictures import blobs
from tests.sensor.vlm.tiny_models import FAMILIES, SPECIALS, build

GOOD = ("dark ambient, modern classical", "low strings, soft piano", "tense, uneasy", "slow, steady pulse")


def test_four_good_fields_are_taken() -> None:
    schema = validate(*GOOD)
    assert schema == GOOD
    assert schema.text() == "; ".join(GOOD)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("  **Ambient**, drone. ", "Ambient, drone"),
        ("Genre: jazz; swing", "jazz, swing"),
        ("slow, slow, slow, steady", "slow, steady"),
        ("klezmer — très lent, doux", "klezmer — très lent, doux"),
    ],
)
def test_a_field_is_tidied(said: str, kept: str) -> None:
    assert validate(said, *GOOD[1:]).genre == kept


def test_a_long_field_ends_at_a_word() -> None:
    genre = validate(", ".join(f"style{chr(97 + i)}" for i in range(26)), *GOOD[1:]).genre
    assert len(genre) <= MOST_CHARACTERS and genre.rpartition(" ")[2].startswith("style")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "  \n ",
        "!!!",
        "a b c",
        "12 34 56",
        "dark \ufffd\ufffd",
        "so so so so so so so",
        "aa@@##$$%%ab abc",
    ],
)
@pytest.mark.parametrize("place", range(4))
def test_a_field_that_says_nothing_is_no_anchor(said: str, place: int) -> None:
    fields = list(GOOD)
    fields[place] = said
    with pytest.raises(NoAnchor):
        validate(*fields)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_fills_in_the_form(family: str, tmp_path: Path) -> None:
    vlm = load(build(family, tmp_path, writes_music=True))
    narrative = Narrative(vlm)
    for step in range(3):
        narrative.see(vlm.encode(blobs(step, 64, 36)), float(step))
    schema = write(vlm, narrative)
    assert schema == ("soft piano, slow strings",) * 4
    assert write(vlm, narrative) == schema, "the same frames, the same anchor"


@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_are_never_written(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vlm = load(build(family, tmp_path))
    specials = set(vlm.tokenizer.convert_tokens_to_ids(list(SPECIALS)))
    with torch.no_grad():
        vlm.model.lm_head.weight[sorted(specials)] *= 50.0
    narrative = Narrative(vlm)
    narrative.see(vlm.encode(blobs(1, 64, 36)), 0.0)
    fed: list[int] = []
    whole = Branch.feed

    def feed(branch: Branch, ids: list[int]) -> torch.Tensor:
        fed.extend(ids)
        return whole(branch, ids)

    monkeypatch.setattr(Branch, "feed", feed)
    with contextlib.suppress(NoAnchor):
        write(vlm, narrative)
    asked = len(vlm.tokens(f"\n{DESCRIBE}{vlm.tail}Genre:"))
    assert len(fed) > asked and not specials & set(fed[asked:])


def test_nonsense_is_no_anchor_and_leaves_no_trace(vlm: Vlm) -> None:
    narrative, quiet = Narrative(vlm), Narrative(vlm)
    seen = [vlm.encode(blobs(step, 64, 36)) for step in range(3)]
    for each in (narrative, quiet):
        each.see(seen[0], 0.0)
        each.see(seen[1], 1.0)
    with pytest.raises(NoAnchor):
        write(vlm, narrative)
    torch.testing.assert_close(narrative.see(seen[2], 2.0), quiet.see(seen[2], 2.0), atol=2e-5, rtol=1e-4)
