"""Choosing tokens."""

from __future__ import annotations

import numpy as np

from composer.musicgen.geometry import Manner
from composer.musicgen.sampling import choose, guided


def test_the_same_question_gets_the_same_answer_and_another_step_another() -> None:
    logits = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
    manner = Manner(top_k=50)
    assert choose(logits, manner, 1, 5).tolist() == choose(logits, manner, 1, 5).tolist()
    assert len({tuple(choose(logits, manner, 1, step).tolist()) for step in range(20)}) > 15


def test_only_the_best_k_are_chosen_and_as_often_as_their_odds_say() -> None:
    logits = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], dtype=np.float32))
    manner = Manner(top_k=2)
    chosen = np.array([choose(logits, manner, 0, step)[0] for step in range(4000)])
    assert set(chosen.tolist()) == {0, 1}
    assert abs((chosen == 0).mean() - 0.5 / 0.8) < 0.03


def test_guidance_goes_away_from_the_unconditional() -> None:
    conditional, unconditional = (np.array([row], np.float32) for row in ([1.0, 0.0], [0.0, 0.0]))
    assert guided(conditional, unconditional, 3.0).tolist() == [[3.0, 0.0]]
