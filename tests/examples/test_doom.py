"""The example's player, and what it says when something is missing."""

from __future__ import annotations

import itertools
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from examples import doom
from examples.doom import HEIGHT, SCENARIOS, WIDTH, Player, play

BUTTONS = ["TURN_LEFT", "TURN_RIGHT", "MOVE_FORWARD", "ATTACK"]


@pytest.fixture
def player() -> Player:
    return Player(BUTTONS, random.Random(1))


@pytest.mark.parametrize(
    ("aim", "prey", "pressed"),
    [
        (0.0, True, {"ATTACK"}),
        (100.0, True, {"TURN_RIGHT"}),
        (-100.0, True, {"TURN_LEFT"}),
        (5.0, False, {"MOVE_FORWARD"}),
        (-90.0, False, {"TURN_LEFT"}),
    ],
)
def test_it_goes_for_what_it_sees(player: Player, aim: float, prey: bool, pressed: set[str]) -> None:
    assert player.decide(aim, prey, wall=False) == pressed


def test_without_a_weapon_it_only_wanders() -> None:
    player = Player(["TURN_LEFT", "TURN_RIGHT", "MOVE_FORWARD"], random.Random(1))
    pressed = set[str]().union(*(player.decide(0.0, True, wall=False) for _ in range(300)))
    assert pressed == {"TURN_LEFT", "TURN_RIGHT", "MOVE_FORWARD"}


def test_at_a_wall_it_turns_one_way_and_does_not_push(player: Player) -> None:
    pressed = [player.decide(None, False, wall=True) for _ in range(50)]
    assert pressed[0] in ({"TURN_LEFT"}, {"TURN_RIGHT"})
    assert all(each == pressed[0] for each in pressed)


def test_without_vizdoom_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vizdoom", None)
    monkeypatch.setattr(sys, "argv", ["doom.py"])
    with pytest.raises(SystemExit, match=r"pip install 'narrascore-live\[examples\]'"):
        doom.main()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_is_the_same_game(
    scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("vizdoom", reason="pip install 'narrascore-live[examples]'")
    monkeypatch.chdir(tmp_path)  # the game leaves a folder where it is started
    one, two = (list(itertools.islice(play(scenario, 3), 20)) for _ in range(2))
    assert one[0].rgb.shape == (HEIGHT, WIDTH, 3)
    assert all((a.rgb == b.rgb).all() and a[1:] == b[1:] for a, b in zip(one, two, strict=True))
    assert np.ptp(one[-1].rgb) > 50


def test_without_a_service_it_says_how_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("vizdoom", reason="pip install 'narrascore-live[examples]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["doom.py", "--url", "http://127.0.0.1:9"])
    with pytest.raises(SystemExit, match="start it with: narrascore serve"):
        doom.main()
