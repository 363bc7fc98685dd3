"""Training: a stopped run goes on as if it had not been; the baseline's odds add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from composer import corpus, dataset, shipping, train, train_adapter, training, weights
from composer.corpus import Score
from composer.errors import CorpusError
from composer.ngram import NGram
from composer.tokens import VOCABULARY
from tests.composer import tiny

BITS_OF_A_GUESS = float(np.log2(VOCABULARY))


@pytest.fixture
def scores() -> list[Score]:
    rows = [tiny.score(str(i), seed=i, minor=bool(i % 2), bars=40) for i in range(12)]
    held = next(n for n in range(1000) if dataset.is_held_out(f"Composer held {n}"))
    return [*rows, tiny.score(f"held {held}", seed=77, bars=40)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, scores: list[Score]) -> None:
    monkeypatch.setattr(corpus, "load", lambda data, cache: scores)
    monkeypatch.setattr(training, "BATCH_ROWS", 4)
    monkeypatch.setattr(training, "BATCH_TOKENS", 48)


@pytest.mark.usefixtures("small")
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    def run(folder: str, stop: int) -> torch.Tensor:
        model, _, _ = train.train_base(
            tmp_path, tmp_path / folder, stop, seed=3, config=tiny.CONFIG, schedule_steps=12
        )
        return model.token.weight.detach().clone()

    straight = run("straight", 12)
    run("broken", 5)
    assert torch.equal(run("broken", 12), straight)


@pytest.mark.usefixtures("small")
def test_both_stages_learn_and_the_base_stays_frozen(tmp_path: Path) -> None:
    model, pieces, before = train.train_base(tmp_path, tmp_path / "a", 1, seed=3, config=tiny.CONFIG)
    model, pieces, after = train.train_base(
        tmp_path, tmp_path / "b", 120, seed=3, config=tiny.CONFIG, peak=1e-2
    )
    assert after < before - 1.0
    frozen = model.token.weight.detach().clone()
    adapter, verdict = train_adapter.train_adapter(model, pieces, tmp_path / "c", 60, seed=3, peak=1e-2)
    assert torch.equal(model.token.weight, frozen)
    assert float(adapter.gamma.detach().abs().max()) > 0.0
    assert np.isclose(verdict.without, after, atol=1e-4)


@pytest.mark.usefixtures("small")
def test_a_training_may_begin_from_weights_and_their_card_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "ModelConfig", lambda: tiny.CONFIG)
    first, second = tmp_path / "first", tmp_path / "second"
    shipping.ship_base(tmp_path, tmp_path / "run", first, steps=60, seed=3)
    shipping.ship_base(tmp_path, tmp_path / "run", second, steps=1, seed=4, begin=first)
    before, after = weights.read_card(first), weights.read_card(second)
    assert after["held_out_bits_per_token"] == pytest.approx(before["held_out_bits_per_token"], abs=0.05)
    assert after["held_out_bits_per_token"] < BITS_OF_A_GUESS - 1.0
    assert after["training"]["begun_from"] == {**before["training"], "sha256": before["files"][weights.BASE]}


def test_whole_composers_are_held_out(scores: list[Score]) -> None:
    pieces = dataset.build(scores)
    assert len(pieces.held_out.names) == 1 and len(pieces.train.names) == 12
    assert len(pieces.train.tokens) == len(pieces.train.affect) == len(pieces.train.styles)
    assert np.abs(pieces.train.affect).max() <= 1.0


def test_ngram_odds_add_up_to_one() -> None:
    model = NGram(3, vocabulary=5).fit(np.array([0, 1, 2, 3, 0, 1, 2, 4, 0, 1]))
    for context in ((), (0,), (0, 1), (4, 4), (1, 2)):
        assert sum(model.odds(context, token) for token in range(5)) == pytest.approx(1.0)
    assert model.odds((0, 1), 2) > model.odds((0, 1), 3)


def test_a_missing_corpus_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="lieder"):
        corpus.catalogue(tmp_path)
