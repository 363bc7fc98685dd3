"""Score a real game: a scripted player of ViZDoom, live, into a running service: `python examples/doom.py`.

Start the service first (`narrascore serve`), then open its source page to hear the music. The scenario is an
option (`--scenario my_way_home`), the service's address too (`--url`). Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from av import VideoFrame

from stream.errors import StreamError
from stream.webrtc.loopback import publishing

TICS_HZ = 35
WIDTH, HEIGHT = 640, 360
NEAR = 8
"""Of the depth buffer's 255: so near a wall, the player turns away."""
PREY = "Monster"
GOODS = ("Armor", "Health", "Ammo", "Weapon")
SCENARIOS = ("deadly_corridor", "defend_the_center", "health_gathering", "my_way_home")


class Tic(NamedTuple):
    """One step of the game: the picture (360, 640, 3) uint8, shots fired and health lost in it."""

    rgb: npt.NDArray[np.uint8]
    shots: float
    damage: float


def play(scenario: str, seed: int) -> Iterator[Tic]:
    """Play for ever, a new life after each death. Raises ImportError when vizdoom is not installed."""
    import vizdoom

    variables = vizdoom.GameVariable
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(vizdoom.DoomGame()) as game:
        game.load_config(str(Path(vizdoom.scenarios_path) / f"{scenario}.cfg"))
        game.set_doom_config_path(str(Path(folder) / "vizdoom.ini"))
        game.set_window_visible(False)
        game.set_screen_resolution(vizdoom.ScreenResolution.RES_640X360)
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        game.set_labels_buffer_enabled(True)
        game.set_depth_buffer_enabled(True)
        game.set_available_game_variables([variables.HEALTH, variables.AMMO2, variables.AMMO3])
        game.set_episode_timeout(0)
        game.set_seed(seed)
        game.init()
        buttons = [button.name for button in game.get_available_buttons()]
        player = Player(buttons, chance)
        health = ammo = 0.0
        while True:
            if game.is_episode_finished():
                game.new_episode()
                health = ammo = 0.0
            state = game.get_state()
            before = (health, ammo)
            assert state and state.game_variables is not None and state.depth_buffer is not None
            health, bullets, shells = (float(each) for each in state.game_variables)
            ammo = bullets + shells
            yield Tic(state.screen_buffer, max(0.0, before[1] - ammo), max(0.0, before[0] - health))
            seen = [each for each in state.labels or () if each.object_category in (PREY, *GOODS)]
            seen.sort(key=lambda each: (each.object_category != PREY, -each.width * each.height))
            aim = seen[0].x + seen[0].width / 2 - WIDTH / 2 if seen else None
            wall = float(np.median(state.depth_buffer[150:180, 240:400])) < NEAR
            pressed = player.decide(aim, bool(seen) and seen[0].object_category == PREY, wall)
            game.make_action([name in pressed for name in buttons], 1)


class Player:
    """Shoots the nearest monster in view; else fetches what lies about; else wanders, and not into walls."""

    def __init__(self, buttons: list[str], chance: random.Random) -> None:
        self._buttons = buttons
        self._chance = chance
        self._wish: set[str] = set()
        self._left = 0

    def decide(self, aim: float | None, prey: bool, wall: bool) -> set[str]:
        """The buttons to press; `aim` is how far right of the middle the goal stands, in pixels, if any is
        in view, and `prey` whether it is a monster."""
        if aim is not None and (not prey or "ATTACK" in self._buttons):
            turn = set() if abs(aim) < 20 else {"TURN_RIGHT" if aim > 0 else "TURN_LEFT"}
            return turn or {"ATTACK" if prey else "MOVE_FORWARD"}
        if wall:
            turning = self._wish & {"TURN_LEFT", "TURN_RIGHT"}
            self._wish, self._left = turning or {self._chance.choice(["TURN_LEFT", "TURN_RIGHT"])}, 9
        elif self._left == 0:
            # A quarter of a second to a second of the same: players do not tremble.
            self._left = self._chance.randint(9, 35)
            turns = self._chance.random() < 0.5
            self._wish = {self._chance.choice(["TURN_LEFT", "TURN_RIGHT"])} if turns else set()
            self._wish |= {"MOVE_FORWARD"} if self._chance.random() < 0.8 else set()
        self._left = max(self._left - 1, 0)
        return self._wish


def pictures(scenario: str, seed: int) -> Iterator[VideoFrame]:
    """What the player sees, 35 pictures for every second of the game."""
    for tic in play(scenario, seed):
        yield VideoFrame.from_ndarray(tic.rgb, format="rgb24").reformat(format="yuv420p")


async def publish(url: str, session: str, token: str, scenario: str, seed: int) -> None:
    """Play and publish until the service ends the connection. Raises StreamError."""
    ended = asyncio.Event()

    def changed() -> None:
        if not peer.connected:
            ended.set()

    frames = pictures(scenario, seed)
    async with publishing(url, frames, session=session, fps=TICS_HZ, codec="H264", token=token) as peer:
        print(f"{scenario} plays; Ctrl-C ends it")
        peer.connection.on("connectionstatechange", changed)
        await ended.wait()
        print("the service has ended the connection")


def main() -> None:
    options = argparse.ArgumentParser(description="Plays ViZDoom, live, into a running service.")
    options.add_argument("--scenario", choices=SCENARIOS, default="deadly_corridor")
    options.add_argument("--url", default="http://127.0.0.1:8080")
    options.add_argument("--session", default="live")
    options.add_argument("--token", default="", help="the service's publish token, if it wants one")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    try:
        import vizdoom  # noqa: F401
    except ImportError:
        sys.exit("this example plays ViZDoom: pip install 'narrascore-live[examples]'")
    try:
        asyncio.run(publish(chosen.url, chosen.session, chosen.token, chosen.scenario, chosen.seed))
    except StreamError as error:
        sys.exit(f"{error} (start it with: narrascore serve)")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
