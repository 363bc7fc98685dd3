"""Incoming media: every track is drained, only the newest frame is kept."""

from __future__ import annotations

from collections.abc import Callable

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from stream.latest_frame import LatestFrame

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


def video_state(has_publisher: bool, lost: bool, silent_s: float | None, gone_s: float) -> str:
    """none, live or gone.

    `lost`: the last publisher vanished without saying so. `silent_s`: seconds since the last frame of this
    publisher, None before its first.
    """
    if not has_publisher:
        return "gone" if lost else "none"
    if silent_s is None:
        return "none"
    return "gone" if silent_s > gone_s else "live"
