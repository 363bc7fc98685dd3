"""The demo: real clips through the real service, over loopback WebRTC, kept and measured.

The service runs here with its composer process; the peers run in another process and reach it over HTTP and
UDP only. Nothing is passed round the side: what is measured is read from the session afterwards.
"""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import multiprocessing
import signal
import time
import wave
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from starlette.applications import Starlette

from stream.beside.clips import sample_clips
from stream.demo.figures import DemoError, Figures, Take, measure, spoilt
from stream.demo.peers import FPS, HEIGHT, WIDTH, run_peers
from stream.doors.server import serving
from stream.outputs import cannot_write, whole
from stream.ports import SAMPLE_RATE_HZ, Affect, ComposerFactory
from stream.process_cost import CostMeter
from stream.sensing.reaction import Steer
from stream.session.session import Session
from stream.settings import Settings
from stream.sound.egress import PlayedBlock

SHOT_S = 5.0
LEAD_S = 2.0
CSV_HZ = 10
WRITTEN = ("score.mp4", "score.wav", "affect.csv", "score.png")

find_clips = sample_clips


def check_plotting() -> None:
    """Raises DemoError when the plot could not be drawn: better now than after the music."""
    if importlib.util.find_spec("matplotlib") is None:
        raise DemoError("matplotlib is missing: pip install 'narrascore-live[demo]' brings it.")


async def run(
    app: Starlette,
    settings: Settings,
    factory: ComposerFactory,
    clips: Sequence[Path],
    seconds: float,
    folder: Path,
) -> Figures:
    """Play for `seconds`, write score.mp4, score.wav, affect.csv and score.png into `folder`, and measure.

    Raises:
        StreamError: the composer could not start, the peers could not connect, the machine was too busy
            for anything to show, or the files cannot be written.
    """
    # A fresh interpreter for the peers and the twin: no thread or graph of ours is copied into it.
    # Ctrl-C, which it is sent as well, ends it without a word.
    with ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_DFL),
    ) as elsewhere:
        async with serving(app, settings) as url:
            take = await play(app, url, elsewhere, clips, seconds)
        too_slow = spoilt(take, seconds)
        with Console(stderr=True).status("finding where the music first answered each cut"):
            figures = await measure(take, factory, elsewhere, folder, too_slow)
    with Console(stderr=True).status("cutting the film"):
        await asyncio.to_thread(_write, take, clips, folder, seconds)
    return figures


async def play(app: Starlette, url: str, elsewhere: Executor, clips: Sequence[Path], seconds: float) -> Take:
    """A publisher and a listener at `url`, run in `elsewhere`, and what was seen of the session.

    Raises DemoError: the composer could not start.
    """
    loop = asyncio.get_running_loop()
    session: Session = app.state.sessions.get_or_begin("live")
    played: list[PlayedBlock] = []
    session.add_tap(played.append)
    began_s = time.monotonic() - session.time_s()
    meter = CostMeter()
    columns = (
        TextColumn("[bold]scoring"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns) as progress:
        bar = progress.add_task("the composer is getting ready", total=seconds)
        while (status := session.composer_status).state == "starting":
            progress.refresh()
            await asyncio.sleep(0.1)
        if status.state == "failed":
            raise DemoError(f"The composer could not start: {status.error}")
        progress.update(bar, description="the peers are connecting")
        peers = loop.run_in_executor(elsewhere, run_peers, url, clips, seconds, SHOT_S, LEAD_S)
        peers.add_done_callback(seen)
        while not peers.done():
            await asyncio.sleep(0.25)
            if session.readings:
                meter.sample([session.composer_pid] if session.composer_pid else [])
                progress.update(
                    bar, completed=min(meter.elapsed_s, seconds), description=_words(session.affect)
                )
        progress.update(bar, completed=seconds)
    report = await peers
    assert session.egress is not None
    return Take(
        peers=report,
        steers=_steers(session),
        readings=[r._replace(t_s=r.t_s + began_s) for r in session.reading_log],
        affect=[(one.t_s + began_s, Affect(*one[1:])) for one in session.affect_log],
        played=played,
        underruns=session.egress.underruns,
        anchor=session.style.text,
        seed=session.style.seed,
        cost=meter.cost(),
    )


def seen(peers: asyncio.Future[Any]) -> None:
    """When nobody waits for the peers any more, how they ended is no news."""
    if not peers.cancelled():
        peers.exception()


def _words(affect: Affect) -> str:
    return f"valence {affect.valence:+.2f}  arousal {affect.arousal:+.2f}"


def _steers(session: Session) -> list[Steer]:
    steers = [Steer(s.at_sample, s.t_s, s.valence, s.arousal) for s in session.steer_log]
    accents = [Steer(a.at_sample, a.t_s, 0.0, 0.0, accent=True) for a in session.accent_log]
    return sorted(steers + accents, key=lambda s: (s.at_sample, s.t_s))


def _write(take: Take, clips: Sequence[Path], folder: Path, seconds: float) -> None:
    """All of `WRITTEN` or none of it: then those of before are left. Raises DemoError."""
    try:
        with ExitStack() as files:
            place = {name: files.enter_context(whole(folder / name)) for name in WRITTEN}
            _write_into(place, take, clips, seconds)
    except OSError as error:
        raise DemoError(cannot_write(folder, error)) from error


def _write_into(place: Mapping[str, Path], take: Take, clips: Sequence[Path], seconds: float) -> None:
    from stream.demo.film import write_film
    from stream.demo.plot import draw

    pcm, began_s = _from_first_picture(take, seconds)
    with wave.open(str(place["score.wav"]), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(pcm.astype("<i2").tobytes())
    rows = affect_rows(take, began_s, len(pcm) / SAMPLE_RATE_HZ)
    with place["affect.csv"].open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(("t_s", "valence", "arousal", "confidence", "cut"))
        table.writerows((f"{t:.2f}", f"{v:.4f}", f"{a:.4f}", f"{c:.4f}", cut) for t, v, a, c, cut in rows)
    draw(place["score.png"], pcm, rows, [(t.t_s - began_s, t.rgb) for t in take.peers.thumbnails])
    write_film(place["score.mp4"], clips, pcm, size=(WIDTH, HEIGHT), fps=FPS, shot_s=SHOT_S)


def _from_first_picture(take: Take, seconds: float) -> tuple[npt.NDArray[np.int16], float]:
    """What was heard from the first picture on, at most `seconds` of it; and when that began."""
    starts, times = zip(*take.peers.arrivals, strict=True)
    index = min(int(np.searchsorted(times, take.peers.began_s)), len(starts) - 1)
    return take.peers.pcm[starts[index] :][: round(seconds * SAMPLE_RATE_HZ)], times[index]


def affect_rows(take: Take, began_s: float, length_s: float) -> list[tuple[float, float, float, float, int]]:
    """(t_s, valence, arousal, confidence, cut) ten times a second on the recording's time axis."""
    times = np.array([t for t, _ in take.affect]) - began_s
    cuts = np.array([r.t_s for r in take.readings if r.cut]) - began_s
    rows = []
    for step in range(int(length_s * CSV_HZ) + 1):
        t = step / CSV_HZ
        index = int(np.searchsorted(times, t, side="right")) - 1
        affect = take.affect[index][1] if index >= 0 else Affect(0.0, 0.0, 0.0)
        cut = int(((cuts > t - 1 / CSV_HZ) & (cuts <= t)).any())
        rows.append((t, affect.valence, affect.arousal, affect.confidence, cut))
    return rows
