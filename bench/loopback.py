"""The whole chain over real WebRTC: control latency, glass to ear, underruns, cost.

Real clips with hard cuts go in through WHIP; what a WHEP listener received comes out. See
`stream.sensing.reaction` for how a change is found in the music.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bench.report import Figure, above, below
from composer.symbolic import create
from stream.beside.clips import sample_clips
from stream.cli.wiring import make_app
from stream.demo import run as demo
from stream.settings import Settings

SECONDS = 30.0


def run() -> list[Figure]:
    settings = Settings(port=0, default_anchor="cinematic", seed=7)
    with tempfile.TemporaryDirectory() as folder:
        got = asyncio.run(
            demo.run(make_app(settings), settings, create, sample_clips(), SECONDS, Path(folder))
        )
    figures = [
        above("loopback: readings per second", got.readings_per_s, "", 4.0),
        below("loopback: underruns", got.underruns, "", 0),
        Figure("loopback: CPU share, service and composer", got.cost.cores, "cores"),
    ]
    if got.sensor_lag_s is not None:
        figures.append(Figure("loopback: sensor lag (63 %)", got.sensor_lag_s, "s"))
    if got.control_latency_ms is not None:
        figures.append(below("loopback: control latency, median", got.control_latency_ms, "ms", 150.0))
    if got.control_latency_p99_ms is not None:
        figures.append(
            below("loopback: control latency, 99th percentile", got.control_latency_p99_ms, "ms", 150.0)
        )
    if got.glass_to_ear_ms is not None:
        figures.append(below("loopback: glass to ear, median of the cuts", got.glass_to_ear_ms, "ms", 1000.0))
    return figures
