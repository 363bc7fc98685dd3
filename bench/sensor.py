"""The sensor alone: cost of a reading, held-out accuracy of the probe, lag of the window, cuts, a game.

Held-out accuracy is what the shipped model card says. With `OASIS=folder python -m bench sensor` it is
computed again from the photographs and ratings in that folder, as `narrascore train probe` does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from av import VideoFrame

from bench.cuts import clip_folder, cut_figures
from bench.game import game_figures
from bench.report import Figure, above, below
from sensor.live import Eye, LiveSensor, create_eye
from sensor.probe import Card, load_probe
from sensor.train import train_probe
from sensor.window import PRESETS, sensor_lag_s

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "2160p": (3840, 2160)}
AIMS = {"valence": 0.62, "arousal": 0.66}


def cost_ms(eye: Eye, width: int, height: int, readings: int = 30) -> float:
    """Median processor time of one reading of a frame this large, on the one thread that makes it.

    The pictures are noise, which no part of the sensor can skip or find cheap.
    """
    rng = np.random.default_rng(0)
    frame = VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(rng.integers(16, 236, plane.buffer_size, dtype=np.uint8).tobytes())
    sensor = LiveSensor(eye)
    spent = []
    for i in range(readings + 3):
        began = time.thread_time()
        sensor.read(frame, i / 8)
        spent.append(1000 * (time.thread_time() - began))
    return float(np.median(spent[3:]))


def cost_figures(eye: Eye) -> list[Figure]:
    """The cost of a reading against the size of the frame, scaling included."""
    figures = []
    for name, (width, height) in SIZES.items():
        cost = cost_ms(eye, width, height)
        what = f"sensor: one reading, {name}"
        figures.append(below(what, cost, "ms", 15) if name == "720p" else Figure(what, cost, "ms"))
    figures.append(Figure("sensor: memory of a process that only reads pictures", memory_mb(), "MiB"))
    return figures


def memory_mb() -> float:
    """What a process holds that has loaded the sensor and read one picture, libraries included."""
    code = (
        "import psutil; from av import VideoFrame; from sensor.live import LiveSensor, create_eye;"
        "LiveSensor(create_eye()).read(VideoFrame(1280, 720, 'yuv420p'), 0.0);"
        "print(psutil.Process().memory_info().rss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout) / 2**20


def card() -> Card:
    """The shipped model card, or the one of a probe trained now from the folder `OASIS` names."""
    folder = os.environ.get("OASIS")
    if not folder:
        return load_probe().card
    with tempfile.TemporaryDirectory() as out:
        return train_probe(Path(folder), Path(out), seed=0).card


def probe_figures() -> list[Figure]:
    """Grouped cross-validation: r with its interval, CCC and MAE for each axis."""
    held_out = card()["held_out"]
    figures = []
    for axis, aim in AIMS.items():
        found = held_out[axis]
        interval = f"95 %: {found['r_low']:.2f} to {found['r_high']:.2f}"
        figures.append(above(f"probe: {axis} r, grouped 10-fold ({interval})", found["r"], "", aim))
        figures += [Figure(f"probe: {axis} {name}", found[name.lower()], "") for name in ("CCC", "MAE")]
    return figures


def window_figures() -> list[Figure]:
    """How long after a step of the picture the estimate has moved 63 % of the way."""
    bounds = {"balanced": 1.5, "reactive": 0.6}
    figures = []
    for preset in PRESETS:
        lag = sensor_lag_s(preset, 4)
        what = f"window: 63 % of a step, {preset}, 4 readings a second"
        figures.append(below(what, lag, "s", bounds[preset]) if preset in bounds else Figure(what, lag, "s"))
        figures.append(Figure(f"window: the same at a cut, {preset}", sensor_lag_s(preset, 4, cut=True), "s"))
    return figures


def run() -> list[Figure]:
    eye = create_eye()
    figures = cost_figures(eye) + probe_figures() + window_figures()
    folder = clip_folder()
    if folder is None:
        figures.append(Figure("cuts: not measured: pip install 'narrascore-live[demo]'", float("nan"), ""))
    else:
        figures += cut_figures(eye, folder)
    return figures + game_figures(eye)
