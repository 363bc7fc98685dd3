"""The rating: an expected value over nine answers, one pass an axis, nothing generated."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch

from sensor.vlm.loading import Vlm
from sensor.vlm.narrative import Narrative
from sensor.vlm.prompt import SCALES
from sensor.vlm.rating import expected, question, questions, rate
from tests.sensor.pictures import blobs
from tests.sensor.vlm.test_narrative import own_forward

ANSWERS = list(range(10, 19))


def logits_of(weights: dict[int, float], size: int = 40) -> torch.Tensor:
    logits = torch.full((size,), -30.0)
    for token, probability in weights.items():
        logits[token] = math.log(probability)
    return logits


@pytest.mark.parametrize(
    ("weights", "value", "share"),
    [
        ({18: 1.0}, 1.0, 1.0),
        ({10: 1.0}, -1.0, 1.0),
        ({14: 1.0}, 0.0, 1.0),
        ({10: 0.5, 18: 0.5}, 0.0, 1.0),
        ({16: 0.25, 17: 0.25, 3: 0.5}, 0.625, 0.5),
    ],
)
def test_expected_value_and_share(weights: dict[int, float], value: float, share: float) -> None:
    found = expected(logits_of(weights), ANSWERS)
    assert found == pytest.approx((value, share), abs=1e-5)


def test_numbers_that_are_none_are_no_rating() -> None:
    assert expected(torch.full((40,), torch.nan), ANSWERS) == (0.0, 0.0)
    assert expected(logits_of({3: 1.0}).index_fill(0, torch.tensor(ANSWERS), -torch.inf), ANSWERS) == (
        0.0,
        0.0,
    )


class _Words:
    """A tokenizer whose digits come with their space, as some do."""

    tail = "|"

    def tokens(self, text: str) -> list[int]:
        found = []
        at = 0
        while at < len(text):
            size = 2 if text[at] == " " and text[at + 1 : at + 2].isdigit() else 1
            found.append(hash(text[at : at + size]))
            at += size
        return found


class _Deaf(_Words):
    def tokens(self, text: str) -> list[int]:
        return [0 if each.isdigit() else ord(each) for each in text]


def test_a_digit_may_carry_its_space(vlm: Vlm) -> None:
    joined = question(cast("Vlm", _Words()), "How?", "It is:")
    assert joined.ids == _Words().tokens("How?|It is:")
    assert joined.answers == [hash(f" {digit}") for digit in range(1, 10)]
    parted = question(vlm, "How?", "It is:")
    assert parted.ids == vlm.tokens(f"How?{vlm.tail}It is: ")
    assert parted.answers == [vlm.tokens(str(digit))[0] for digit in range(1, 10)]


def test_digits_that_are_one_token_are_refused() -> None:
    with pytest.raises(ValueError, match="digits"):
        question(cast("Vlm", _Deaf()), "How?", "It is:")


def test_a_rating_is_what_the_models_own_forward_pass_says(vlm: Vlm) -> None:
    pictures = [blobs(seed, 64, 36) for seed in (1, 2)]
    narrative = Narrative(vlm)
    for t_s, rgb in enumerate(pictures):
        narrative.see(vlm.encode(rgb), float(t_s))
    found = rate(narrative, questions(vlm))
    wanted = []
    for scale in SCALES:
        suffix = f"\n{scale.question}{vlm.tail}{scale.opening} "
        hidden, _ = own_forward(vlm, pictures, suffix)
        with torch.inference_mode():
            chances = torch.softmax(vlm.model.lm_head(hidden[-1]), 0)
        digits = torch.tensor([float(chances[vlm.tokens(str(digit))[0]]) for digit in range(1, 10)])
        mean = float((digits / digits.sum() * torch.arange(1, 10)).sum())
        wanted.append((mean - 5) / 4)
    assert (found.valence, found.arousal) == pytest.approx(wanted, abs=1e-4)
    assert 0 < found.confidence < 1


def test_one_pass_an_axis_and_no_text(vlm: Vlm, monkeypatch: pytest.MonkeyPatch) -> None:
    narrative = Narrative(vlm)
    narrative.see(vlm.encode(blobs(3, 64, 36)), 0.0)
    asked = questions(vlm)
    passes: list[int] = []

    def count(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        passes.append(kwargs["inputs_embeds"].shape[1])

    monkeypatch.setattr(vlm.model, "generate", None)
    text_model = getattr(vlm.model.model, vlm.family.text_model)
    hook = text_model.register_forward_pre_hook(count, with_kwargs=True)
    try:
        rate(narrative, asked)
    finally:
        hook.remove()
    assert passes == [len(asked[0].ids), len(asked[1].ids)]
