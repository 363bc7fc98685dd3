"""Peers whose pictures cost nothing: real clips, encoded once and sent as they are, over and over."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from stream.beside.clips import sample_clips
from stream.webrtc.loopback import listening, publishing_track

CLOCK_HZ = 90_000


class Kind(NamedTuple):
    name: str
    codec: str
    width: int
    height: int
    fps: int
    wanted: int
    """Sessions that two cores should carry; half of them are begun with."""


KINDS = (
    Kind("360p10 H.264", "H264", 640, 360, 10, 8),
    Kind("360p10 VP8", "VP8", 640, 360, 10, 8),
    Kind("720p30 H.264", "H264", 1280, 720, 30, 4),
)


def encoded(kind: Kind, seconds: float = 4.0) -> list[bytes]:
    """Real clips, scaled; a key frame every two seconds, as OBS sends them."""
    frames: list[av.VideoFrame] = []
    for path in itertools.cycle(sample_clips()):
        with av.open(str(path)) as container:
            for frame in itertools.islice(container.decode(video=0), kind.fps):
                frames.append(frame.reformat(kind.width, kind.height, "yuv420p"))
        if len(frames) >= kind.fps * seconds:
            break
    name, options = (
        ("libx264", {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "sc_threshold": "0"})
        if kind.codec == "H264"
        else ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"})
    )
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = kind.width, kind.height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(kind.fps, 1), Fraction(1, kind.fps)
    encoder.bit_rate = 2_500_000 if kind.height > 400 else 500_000
    encoder.gop_size = 2 * kind.fps
    encoder.options = options
    packets: list[bytes] = []
    for n, frame in enumerate(frames[: round(kind.fps * seconds)]):
        frame.pts, frame.time_base = n, encoder.time_base
        frame.pict_type = av.video.frame.PictureType.NONE
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return packets


class EncodedTrack(MediaStreamTrack):
    """Sends the same encoded frames again and again at a steady rate; each begins with a key frame."""

    kind = "video"

    def __init__(self, packets: list[bytes], fps: int) -> None:
        super().__init__()
        self._packets = itertools.cycle(packets)
        self._period_s = 1.0 / fps
        self._began_s: float | None = None
        self._count = 0

    async def recv(self) -> av.Packet[Any]:
        if self.readyState != "live":
            raise MediaStreamError
        now_s = time.monotonic()
        if self._began_s is None:
            self._began_s = now_s
        await asyncio.sleep(max(0.0, self._began_s + self._count * self._period_s - now_s))
        packet = av.Packet(next(self._packets))
        packet.pts = round(self._count * self._period_s * CLOCK_HZ)
        packet.time_base = Fraction(1, CLOCK_HZ)
        self._count += 1
        return packet


@contextlib.asynccontextmanager
async def session(url: str, name: str, kind: Kind, packets: list[bytes]) -> AsyncIterator[None]:
    track = EncodedTrack(packets, kind.fps)
    async with (
        publishing_track(url, track, session=name, codec=kind.codec),
        listening(url, lambda received: None, session=name),
    ):
        yield
