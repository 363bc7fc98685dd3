"""Affect without a trained probe: the expected value of a 1 to 9 rating under the next-token distribution.

Each axis is asked on a branch of the running window, with the answer begun for the model, so that the next
token is the digit. One forward pass an axis; no text is generated. The share of digits among everything the
model might say next is the confidence: a model that would rather say something else has not rated anything.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sensor.reading import clip_unit
from sensor.vlm.loading import Vlm
from sensor.vlm.narrative import Narrative
from sensor.vlm.prompt import SCALES

LOWEST, HIGHEST = 1, 9


class Question(NamedTuple):
    """Tokens to be fed, and the token of each answer 1 to 9."""

    ids: list[int]
    answers: list[int]


class Rated(NamedTuple):
    """Valence and arousal in [-1, 1], confidence in [0, 1]."""

    valence: float
    arousal: float
    confidence: float


def questions(vlm: Vlm) -> tuple[Question, Question]:
    """The two questions in this model's tokens: valence, arousal. Raises ValueError (see `question`)."""
    first, second = (question(vlm, f"\n{scale.question}", scale.opening) for scale in SCALES)
    return first, second


def question(vlm: Vlm, text: str, opening: str) -> Question:
    """`text` and the beginning of its answer, up to where the nine answers part.

    Where a digit is a token of its own the space before it belongs to the question; where " 5" is one token
    it does not: what all nine have in common says which. Raises ValueError when two digits share a token.
    """
    answered = [vlm.tokens(f"{text}{vlm.tail}{opening} {digit}") for digit in range(LOWEST, HIGHEST + 1)]
    common = 0
    while len({tuple(ids[: common + 1]) for ids in answered}) == 1 and common < min(map(len, answered)):
        common += 1
    answers = [ids[common] for ids in answered if common < len(ids)]
    if len(set(answers)) != len(answered):
        raise ValueError("this tokenizer does not tell the digits 1 to 9 apart")
    return Question(answered[0][:common], answers)


def expected(logits: Tensor, answers: list[int]) -> tuple[float, float]:
    """The mean rating mapped from 1..9 to [-1, 1], and the answers' share of all probability.

    `logits` is (V,). Not finite: (0, 0).
    """
    probabilities = torch.softmax(logits.float(), 0)[answers]
    share = float(probabilities.sum())
    if not (math.isfinite(share) and share > 0.0):
        return 0.0, 0.0
    steps = torch.arange(LOWEST, HIGHEST + 1)
    mean = float((probabilities * steps).sum()) / share
    middle, half = (HIGHEST + LOWEST) / 2, (HIGHEST - LOWEST) / 2
    return clip_unit((mean - middle) / half), min(1.0, share)


def rate(narrative: Narrative, asked: tuple[Question, Question]) -> Rated:
    """Both axes at the last frame of `narrative`."""
    found = []
    for each in asked:
        with narrative.branch() as branch:
            found.append(expected(branch.feed(each.ids), each.answers))
    (valence, sure), (arousal, also) = found
    return Rated(valence, arousal, min(sure, also))
