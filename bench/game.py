"""The game test: does the fast reading tell fighting from walking about, in a game it was never shown?

A scripted player of ViZDoom (examples/doom.py) plays two fighting and two quiet scenarios from several seeds.
Adaptation is off. Part of `python -m bench sensor`; without vizdoom it says how to get it.
"""

from __future__ import annotations

import importlib.util
import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from av import VideoFrame

from bench.report import Figure, above
from examples.doom import TICS_HZ, play
from sensor.live import Eye, LiveSensor
from sensor.validation import pearson
from sensor.window import AffectWindow

FIGHTING = ("defend_the_center", "deadly_corridor")
QUIET = ("my_way_home", "health_gathering")
SEEDS = tuple(range(11, 19))
SECONDS = 15
EVERY = 4
"""Tics from one reading to the next: 8.75 readings a second."""
SETTLING_S = 2.0
"""A session begins neutral; what it says in its first seconds is not counted."""

Vector = npt.NDArray[np.float64]


class Session(NamedTuple):
    """One seed of one scenario, at each reading: arousal of the reading, of the estimate, and what happened
    since the reading before, in shots and in points of health lost."""

    scenario: str
    seed: int
    reading: Vector
    estimate: Vector
    shots: Vector
    damage: Vector


def observe(eye: Eye, scenario: str, seed: int, seconds: int = SECONDS) -> Session:
    """Play and read `seconds` of a scenario."""
    sensor, window = LiveSensor(eye), AffectWindow()
    rows = []
    shots = damage = 0.0
    for number, tic in enumerate(itertools.islice(play(scenario, seed), seconds * TICS_HZ)):
        shots, damage = shots + tic.shots, damage + tic.damage
        if number % EVERY == 0:
            t_s = number / TICS_HZ
            reading = sensor.read(VideoFrame.from_ndarray(tic.rgb, format="rgb24"), t_s)
            window.add(reading)
            if t_s >= SETTLING_S:
                rows.append((reading.arousal, window.estimate(t_s).arousal, shots, damage))
            shots = damage = 0.0
    return Session(scenario, seed, *np.array(rows, np.float64).T)


def auc(high: Vector, low: Vector) -> float:
    """The share of pairs in which the one of `high` is the larger; ties count half."""
    pairs = high[:, None] - low[None]
    return float((pairs > 0).mean() + (pairs == 0).mean() / 2)


def told_apart(sessions: list[Session], field: str) -> float:
    """AUC of fighting against quiet, over all moments."""
    high = np.concatenate([getattr(each, field) for each in sessions if each.scenario in FIGHTING])
    low = np.concatenate([getattr(each, field) for each in sessions if each.scenario in QUIET])
    return auc(high, low)


def follows(sessions: list[Session], scenario: str, field: str) -> float:
    """Correlation, over seconds of one scenario, of estimated arousal with how much of `field` happened."""
    step = round(TICS_HZ / EVERY)
    arousal, happened = [], []
    for each in sessions:
        if each.scenario == scenario:
            whole = len(each.estimate) // step * step
            arousal.append(each.estimate[:whole].reshape(-1, step).mean(1))
            happened.append(getattr(each, field)[:whole].reshape(-1, step).sum(1))
    return pearson(np.concatenate(arousal), np.concatenate(happened))


def game_figures(eye: Eye) -> list[Figure]:
    """AUC per reading and per estimate, per seed, and what arousal follows within a fighting scenario."""
    if importlib.util.find_spec("vizdoom") is None:
        return [Figure("game: not measured: pip install 'narrascore-live[examples]'", float("nan"), "")]
    sessions = [observe(eye, scenario, seed) for seed in SEEDS for scenario in (*FIGHTING, *QUIET)]
    seeds = [[each for each in sessions if each.seed == seed] for seed in SEEDS]
    what = "game: AUC of arousal, fighting against quiet"
    figures = []
    for field in ("estimate", "reading"):
        worst = min(told_apart(each, field) for each in seeds)
        figures.append(above(f"{what}, each {field}", told_apart(sessions, field), "", 0.85))
        figures.append(Figure(f"{what}, each {field}, worst of {len(SEEDS)} seeds", worst, ""))
    for scenario in FIGHTING:
        for field in ("shots", "damage"):
            what = f"game: r of arousal with {field} a second, {scenario}"
            figures.append(Figure(what, follows(sessions, scenario, field), ""))
    return figures
