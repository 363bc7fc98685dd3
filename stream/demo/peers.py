"""The demo's two peers, in a process of their own so that the service's cost can be told from theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from av import VideoFrame

from stream.beside.clips import Shot, decoded, in_turn
from stream.webrtc.loopback import Recording, listening, publishing

WIDTH, HEIGHT, FPS = 640, 360, 25
THUMBNAIL = (160, 90)
THUMBNAIL_EVERY_S = 2.5


class Thumbnail(NamedTuple):
    """A published picture, uint8 (90, 160, 3), and when it was handed to the encoder."""

    t_s: float
    rgb: npt.NDArray[np.uint8]


class PeersReport(NamedTuple):
    """What the peers saw. All times are on the machine's monotonic clock.

    `pcm` is int16 (n, 2), what the listener received; `arrivals` holds (samples before it, t_s) per block;
    `cuts_s` when the first picture of each next clip was sent.
    """

    pcm: npt.NDArray[np.int16]
    arrivals: list[tuple[int, float]]
    cuts_s: list[float]
    began_s: float
    thumbnails: list[Thumbnail]


def run_peers(url: str, clips: Sequence[Path], seconds: float, shot_s: float, lead_s: float) -> PeersReport:
    """Listen, wait `lead_s` for the music, publish for `seconds`, leave. Blocking."""
    return asyncio.run(_run(url, clips, seconds, shot_s, lead_s))


def _small(frame: VideoFrame) -> npt.NDArray[np.uint8]:
    return frame.reformat(*THUMBNAIL, "rgb24").to_ndarray().astype(np.uint8, copy=False)


async def _run(url: str, clips: Sequence[Path], seconds: float, shot_s: float, lead_s: float) -> PeersReport:
    pictures = await asyncio.to_thread(lambda: [decoded(clip, WIDTH, HEIGHT) for clip in clips])
    sent: list[Shot] = []
    times: list[float] = []
    sending = asyncio.Event()
    recording = Recording()

    def frames() -> Iterator[VideoFrame]:
        for shot in in_turn(pictures, round(shot_s * FPS)):
            sent.append(shot)
            yield shot.frame

    def sent_at(index: int, t_s: float) -> None:
        times.append(t_s)
        sending.set()

    async with listening(url, recording):
        await asyncio.sleep(lead_s)
        async with publishing(url, frames(), fps=FPS, codec="H264", on_frame=sent_at):
            await sending.wait()
            await asyncio.sleep(max(times[0] + seconds - time.monotonic(), 0.0))
        # What the last pictures did to the music is still on its way.
        await asyncio.sleep(0.5)
    cuts = [times[i] for i in range(1, min(len(times), len(sent))) if sent[i].clip != sent[i - 1].clip]
    first = recording.blocks[0].pts if recording.blocks else 0
    arrivals = [(block.pts - first, block.t_s) for block in recording.blocks]
    shots = range(0, min(len(times), len(sent)), round(THUMBNAIL_EVERY_S * FPS))
    thumbnails = [Thumbnail(times[i], _small(sent[i].frame)) for i in shots]
    return PeersReport(recording.pcm(), arrivals, cuts, times[0], thumbnails)
