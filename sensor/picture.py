"""A decoded video frame becomes a small picture: what the encoder sees and what motion is measured on.

One swscale pass goes from the frame's own pixel format straight to the encoder's size; there is never an
RGB copy at full size. What a phone says about how it was held is undone on the small picture, and the luma
plane is scaled down from that.
"""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

LUMA_WIDTH = 64
LUMA_HEIGHT = 36
FLAT_LUMA_SD = 0.02
"""Below this spread of luma (full scale 1) a picture says nothing: black, a fade's end, a dead camera."""
FULL_LUMA_SD = 0.08
"""From this spread on a picture is trusted fully."""

Rgb = npt.NDArray[np.uint8]
Luma = npt.NDArray[np.float32]


class Picture(NamedTuple):
    """A frame made small.

    `rgb` is (size, size, 3) uint8, the aspect ratio squeezed away; `luma` is (36, 64) float32 in [0, 1];
    `confidence` in [0, 1] says how much there is to see.
    """

    rgb: Rgb
    luma: Luma
    confidence: float


class Shrinker:
    """Makes pictures of one session small. Keeps swscale's tables between frames; one caller at a time."""

    def __init__(self, size_px: int) -> None:
        self._size_px = size_px
        self._to_rgb = VideoReformatter()
        self._to_luma = VideoReformatter()

    def shrink(self, frame: VideoFrame) -> Picture | None:
        """`frame` as a `Picture` of `size_px` squared, or None when there is no picture in it.

        Takes any pixel format and size swscale knows (grey, 10-bit, alpha, portrait, 8K). Never raises on a
        bad picture.
        """
        if frame.width < 2 or frame.height < 2:
            return None
        try:
            # One thread: handing slices to others costs more than scaling them.
            small = self._to_rgb.reformat(
                frame, self._size_px, self._size_px, "rgb24", interpolation=Interpolation.AREA, threads=1
            )
            rgb = small.to_ndarray().astype(np.uint8, copy=False)
            if frame.rotation:
                # Counterclockwise, and by quarters: nothing else is recorded by cameras.
                rgb = np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))
                small = VideoFrame.from_ndarray(rgb, format="rgb24")
            plane = self._to_luma.reformat(
                small, LUMA_WIDTH, LUMA_HEIGHT, "gray", interpolation=Interpolation.AREA, threads=1
            )
            luma = plane.to_ndarray().astype(np.float32) / 255.0
        except (av.FFmpegError, OSError, ValueError, MemoryError):
            return None
        spread = float(luma.std())
        confidence = (spread - FLAT_LUMA_SD) / (FULL_LUMA_SD - FLAT_LUMA_SD)
        return Picture(rgb, luma, max(0.0, min(1.0, confidence)))
