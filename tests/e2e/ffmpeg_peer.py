"""A publisher that is FFmpeg's own WHIP muxer, driven through PyAV: H.264 baseline.

    python ffmpeg_peer.py URL TOKEN CERT KEY LEVELS SECONDS

A process of its own: the muxer waits for the service without letting go of the interpreter. `LEVELS` is how
bright the picture is, 0 to 255; several with commas between them are shown in turn, a second each.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT, FPS = 320, 180, 30


def publish(url: str, token: str, cert: str, key: str, levels: list[int], seconds: float) -> None:
    options = {"authorization": token, "cert_file": cert, "key_file": key, "handshake_timeout": "8000"}
    with av.open(url, "w", format="whip", options=options) as out:
        encoder = {"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "bf": "0"}
        video = out.add_stream("libx264", rate=FPS, options=encoder)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.gop_size = FPS
        began_s = time.monotonic()
        for n in range(round(seconds * FPS)):
            level = levels[n // FPS % len(levels)]
            picture = np.full((HEIGHT, WIDTH, 3), level, np.uint8)
            picture[:, n % WIDTH] = 255 - level
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            out.mux(video.encode(frame))
            time.sleep(max(0.0, began_s + n / FPS - time.monotonic()))


if __name__ == "__main__":
    url, token, cert, key, levels, seconds = sys.argv[1:]
    publish(url, token, cert, key, [int(level) for level in levels.split(",")], float(seconds))
