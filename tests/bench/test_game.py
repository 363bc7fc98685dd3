"""The arithmetic of the game test, on sessions made by hand."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from bench import game
from bench.game import Session, auc, follows, game_figures, told_apart
from sensor.live import Eye


def session(scenario: str, arousal: list[float], shots: list[float] | None = None) -> Session:
    level = np.repeat(np.array(arousal), 9)
    happened = np.repeat(np.array(shots or [0.0] * len(arousal)), 9) / 9
    return Session(scenario, 1, level, level, happened, 0 * happened)


def test_auc() -> None:
    assert auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auc(np.array([0.0]), np.array([1.0])) == 0.0
    assert auc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5


def test_fighting_is_told_from_quiet() -> None:
    sessions = [
        session("deadly_corridor", [0.1, 0.3]),
        session("defend_the_center", [0.2]),
        session("my_way_home", [0.0]),
        session("health_gathering", [0.25]),
    ]
    assert told_apart(sessions, "estimate") == pytest.approx(4 / 6)


def test_seconds_with_more_shots() -> None:
    sessions = [session("deadly_corridor", [0.0, 0.1, 0.2, 0.3], [0, 1, 2, 3])]
    assert follows(sessions, "deadly_corridor", "shots") == pytest.approx(1.0)
    assert follows(sessions, "deadly_corridor", "damage") == 0.0


def test_without_vizdoom_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(game, "play", None)
    (figure,) = game_figures(Eye.__new__(Eye))
    assert "pip install 'narrascore-live[examples]'" in figure.name
