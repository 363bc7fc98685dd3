from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame, VideoFrame

from stream.latest_frame import LatestFrame
from stream.webrtc.ingest import Patience, drain_audio, drain_video, level_of, video_state
from tests import virtual_time

PATIENCE = Patience(first_frame_s=15.0, next_frame_s=3.0)


class Scripted(MediaStreamTrack):
    """Hands out its frames 10 ms apart, then ends."""

    def __init__(self, kind: str, frames: list[VideoFrame | AudioFrame]) -> None:
        super().__init__()
        self.kind = kind
        self._frames = frames

    async def recv(self) -> VideoFrame | AudioFrame:
        await asyncio.sleep(0.01)
        if not self._frames:
            raise MediaStreamError
        return self._frames.pop(0)


def test_video_is_drained_to_the_end_and_the_newest_stays() -> None:
    async def scenario() -> None:
        loop, slot = asyncio.get_running_loop(), LatestFrame()
        began_s = loop.time()
        frames: list[VideoFrame | AudioFrame] = [VideoFrame(16 * n, 16, "rgb24") for n in (1, 2, 3)]
        await drain_video(Scripted("video", frames), slot, lambda: loop.time() - began_s)
        arrival = slot.take()
        assert arrival is not None and arrival.frame.width == 48
        assert arrival.t_s == pytest.approx(0.03)
        assert (slot.frames, slot.dropped) == (3, 2)

    virtual_time.run(scenario())


def test_audio_is_drained_whether_or_not_anybody_listens() -> None:
    async def scenario() -> None:
        heard: list[AudioFrame] = []
        for hook in (None, heard.append):
            frames: list[VideoFrame | AudioFrame] = [AudioFrame("s16", "stereo", 960) for _ in range(3)]
            await drain_audio(Scripted("audio", frames), hook)
        assert len(heard) == 3

    virtual_time.run(scenario())


@pytest.mark.parametrize(
    ("publisher", "lost", "silent_s", "connecting_s", "state"),
    [
        (False, False, None, 0.0, "none"),
        (False, True, None, 0.0, "gone"),
        (True, False, None, 14.0, "none"),
        (True, False, None, 16.0, "gone"),
        (True, False, 0.1, 99.0, "live"),
        (True, False, 3.1, 99.0, "gone"),
    ],
)
def test_what_the_picture_is_said_to_be(
    publisher: bool, lost: bool, silent_s: float | None, connecting_s: float, state: str
) -> None:
    assert video_state(publisher, lost, silent_s, connecting_s, PATIENCE) == state


@pytest.mark.parametrize(("peak", "level_db"), [(32767, -3.0), (3277, -23.0), (0, -120.0)])
def test_the_level_of_a_sine(peak: int, level_db: float) -> None:
    mono = peak * np.sin(2 * np.pi * np.arange(960) / 96)
    pcm = np.repeat(mono, 2).astype(np.int16).reshape(1, -1)
    assert level_of(AudioFrame.from_ndarray(pcm, format="s16", layout="stereo")) == pytest.approx(
        level_db, abs=0.1
    )
