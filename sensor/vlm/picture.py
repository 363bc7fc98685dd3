"""A decoded frame as the vision-language model gets it: RGB, aspect ratio kept, no larger than needed."""

from __future__ import annotations

import av
import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from sensor.picture import Rgb

FRAME_PX = 448
"""Longest side. With 16-pixel patches merged by two a 16:9 frame is then 98 to 112 visual tokens."""
LEAST_PX = 16
MOST_ASPECT = 8.0
"""A narrower picture is squeezed to this: families refuse extremes."""


class Fitter:
    """Scales frames of any pixel format and size. Keeps swscale's tables; one caller at a time."""

    def __init__(self, frame_px: int = FRAME_PX) -> None:
        self.frame_px = frame_px
        self._reformatter = VideoReformatter()

    def fit(self, frame: VideoFrame) -> Rgb | None:
        """`frame` as (h, w, 3) uint8, the longest side at most `frame_px`; None when there is no picture."""
        if frame.width < 2 or frame.height < 2:
            return None
        aspect = min(max(frame.width / frame.height, 1 / MOST_ASPECT), MOST_ASPECT)
        longest = min(self.frame_px, max(frame.width, frame.height, LEAST_PX * MOST_ASPECT))
        width = longest if aspect >= 1 else longest * aspect
        height = longest / aspect if aspect >= 1 else longest
        try:
            small = self._reformatter.reformat(
                frame, _even(width), _even(height), "rgb24", interpolation=Interpolation.AREA, threads=1
            )
            return np.ascontiguousarray(small.to_ndarray(), dtype=np.uint8)
        except (av.FFmpegError, OSError, ValueError, MemoryError):
            return None


def _even(px: float) -> int:
    return max(LEAST_PX, 2 * round(px / 2))
