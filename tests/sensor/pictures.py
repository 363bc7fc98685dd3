"""Small pictures made of a seed, as frames and as files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av import VideoFrame


def blobs(seed: int, width: int = 320, height: int = 180) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8: a coarse random pattern, scaled up."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    frame = VideoFrame.from_ndarray(coarse, format="rgb24").reformat(width, height, "rgb24")
    return frame.to_ndarray().astype(np.uint8, copy=False)


def frame_of(rgb: npt.NDArray[np.uint8], pixels: str = "yuv420p") -> VideoFrame:
    return VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24").reformat(format=pixels)


def flat(level: int, width: int = 320, height: int = 180) -> VideoFrame:
    """A frame of one grey."""
    return frame_of(np.full((height, width, 3), level, np.uint8))


def write_png(path: Path, rgb: npt.NDArray[np.uint8]) -> None:
    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.height, codec.width = rgb.shape[:2]
    codec.pix_fmt = "rgb24"
    codec.time_base = Fraction(1, 25)
    frame = VideoFrame.from_ndarray(rgb, format="rgb24")
    path.write_bytes(b"".join(bytes(packet) for packet in codec.encode(frame)))


def write_clip(path: Path, pictures: list[npt.NDArray[np.uint8]], rate_hz: int = 25) -> None:
    """An MPEG-4 clip of `pictures`, all of one size."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate_hz)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for rgb in pictures:
            container.mux(stream.encode(VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


def turn_clip(path: Path, degrees: int) -> None:
    """Say in an MP4 file that its pictures must be turned counterclockwise by `degrees`, as phones do.

    The track header holds a 3 x 3 matrix of big-endian numbers; 40 bytes into its body (ISO 14496-12, tkhd).
    """
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = {90: (0, -1, 1, 0), -90: (0, 1, -1, 0), 180: (-1, 0, 0, -1)}[degrees]
    for place, value in ((0, a), (4, b), (12, c), (16, d)):
        data[at + place : at + place + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
