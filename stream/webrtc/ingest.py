"""Incoming media: every track is drained, only the newest frame is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from stream.latest_frame import LatestFrame
from stream.sound.level_meter import FLOOR_DB


class Patience(NamedTuple):
    """How long a publisher may send nothing, at first and later, before it counts as gone."""

    first_frame_s: float
    next_frame_s: float


AudioHook = Callable[[AudioFrame], None]


async def drain_video(track: MediaStreamTrack, slot: LatestFrame, session_time: Callable[[], float]) -> None:
    """Put each frame into `slot` with its time of arrival, until the track ends.

    aiortc queues frames without bound, so nobody may stop reading while the track lives.
    """
    try:
        while True:
            frame = await track.recv()
            if isinstance(frame, VideoFrame):
                slot.put(frame, session_time())
    except MediaStreamError:
        return


async def drain_audio(track: MediaStreamTrack, hook: AudioHook | None = None) -> None:
    """Read and forget, until the track ends; `hook` may listen (it is never used for affect)."""
    try:
        while True:
            frame = await track.recv()
            if hook is not None and isinstance(frame, AudioFrame):
                hook(frame)
    except MediaStreamError:
        return


def level_of(frame: AudioFrame) -> float:
    """RMS of decoded sound (int16, as aiortc's Opus decoder gives it), dB below full scale."""
    pcm = frame.to_ndarray().astype(np.float64) / 32768.0
    power = float(np.mean(np.square(pcm))) if pcm.size else 0.0
    return max(10.0 * math.log10(power), FLOOR_DB) if power > 0 else FLOOR_DB


def video_state(
    publisher: bool, lost: bool, silent_s: float | None, connecting_s: float, patience: Patience
) -> str:
    """none, live or gone.

    `lost`: the last publisher vanished without a word. `silent_s`: seconds since this publisher's last frame,
    None before its first; `connecting_s`: seconds since it came.
    """
    if not publisher:
        return "gone" if lost else "none"
    if silent_s is None:
        return "gone" if connecting_s > patience.first_frame_s else "none"
    return "gone" if silent_s > patience.next_frame_s else "live"
