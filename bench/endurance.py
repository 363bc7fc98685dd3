"""A long loopback session: no underrun, flat memory. `python -m bench.endurance --seconds 600`."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import psutil
import typer
from rich.console import Console
from rich.progress import track

from bench.report import Figure, below, machine, save, show
from stream.beside.clips import decoded, in_turn, sample_clips
from stream.cli.threads import few_arenas, keep_for_good
from stream.cli.wiring import make_app
from stream.demo.peers import FPS, HEIGHT, WIDTH
from stream.demo.run import SHOT_S
from stream.doors.server import serving
from stream.settings import Settings
from stream.webrtc.loopback import Received, listening, publishing

SAMPLE_EVERY_S = 5.0


class Heard(NamedTuple):
    """What the listener counted: seconds of audio, and the longest wait between two packets in seconds."""

    audio_s: float
    longest_wait_s: float


async def _peers(url: str, seconds: float) -> Heard:
    pictures = [decoded(clip, WIDTH, HEIGHT) for clip in sample_clips()]
    frames = (shot.frame for shot in in_turn(pictures, round(SHOT_S * FPS)))
    samples, last_s, longest_s = 0, 0.0, 0.0

    def count(block: Received) -> None:
        nonlocal samples, last_s, longest_s
        if last_s:
            longest_s = max(longest_s, block.t_s - last_s)
        samples, last_s = samples + len(block.samples), block.t_s

    async with listening(url, count), publishing(url, frames, fps=FPS, codec="H264"):
        await asyncio.sleep(seconds)
    return Heard(samples / 48_000, longest_s)


def _run_peers(url: str, seconds: float) -> Heard:
    return asyncio.run(_peers(url, seconds))


async def measure(seconds: float) -> list[Figure]:
    settings = Settings(port=0, default_anchor="cinematic", seed=7)
    # As the command does.
    few_arenas()
    app = make_app(settings)
    keep_for_good()
    loop = asyncio.get_running_loop()
    times, memory, shares = [], [], []
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as elsewhere:
        async with serving(app, settings) as url:
            session = app.state.sessions.get_or_begin("live")
            session.play()
            peers = loop.run_in_executor(elsewhere, _run_peers, url, seconds)
            began = time.monotonic()
            for _ in track(range(int(seconds / SAMPLE_EVERY_S)), "playing"):
                await asyncio.sleep(SAMPLE_EVERY_S)
                pids = [psutil.Process().pid, *([session.composer_pid] if session.composer_pid else [])]
                times.append(time.monotonic() - began)
                shares.append([psutil.Process(pid).memory_info().rss / 2**20 for pid in pids])
                memory.append(sum(shares[-1]))
            heard = await peers
            underruns = session.egress.underruns if session.egress is not None else -1
            readings = session.readings
    minute = next((i for i, t in enumerate(times) if t > min(60.0, seconds / 3)), 0)
    half = len(times) // 2

    def growth(start: int) -> float:
        """MiB a minute from sample `start` on."""
        return float(np.polyfit(times[start:], memory[start:], 1)[0]) * 60

    return [
        Figure("endurance: seconds played to the listener", heard.audio_s, "s"),
        below("endurance: underruns", underruns, "", 0),
        below("endurance: longest wait between packets", 1000 * heard.longest_wait_s, "ms", 200.0),
        below("endurance: memory growth after the first minute", growth(minute), "MiB/min", 1.0),
        below("endurance: memory growth, second half", growth(half), "MiB/min", 1.0),
        Figure("endurance: memory at half time", memory[half], "MiB"),
        Figure("endurance: memory at the end", memory[-1], "MiB"),
        Figure("endurance: of which the service's own process", shares[-1][0], "MiB"),
        Figure("endurance: the service's process at half time", shares[half][0], "MiB"),
        Figure("endurance: readings per second", readings / heard.audio_s, ""),
    ]


def main(
    seconds: Annotated[float, typer.Option(min=30.0)] = 600.0,
    out: Annotated[Path, typer.Option(help="JSON of the figures.")] = Path("artifacts/endurance.json"),
) -> None:
    figures = asyncio.run(measure(seconds))
    show(figures, Console(), machine())
    save(figures, out)


if __name__ == "__main__":
    typer.run(main)
