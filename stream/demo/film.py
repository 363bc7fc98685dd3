"""The demo as a film: the pictures that were published with the music that came back, as they met in time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av import AudioFrame

from stream.beside.clips import decoded, in_turn
from stream.ports import SAMPLE_RATE_HZ

AUDIO_BIT_RATE = 192_000
VIDEO = {"preset": "veryfast", "crf": "23"}


def write_film(
    path: Path,
    clips: Sequence[Path],
    pcm: npt.NDArray[np.int16],
    *,
    size: tuple[int, int],
    fps: int,
    shot_s: float,
) -> None:
    """Write an MP4 as long as `pcm` (n, 2): `clips` cut together every `shot_s` as the publisher did, from
    its first picture on, H.264, and the sound, AAC.

    Raises:
        ClipError: a clip cannot be decoded.
    """
    width, height = size
    pictures = [decoded(clip, width, height) for clip in clips]
    each = SAMPLE_RATE_HZ // fps
    shots = itertools.islice(in_turn(pictures, round(shot_s * fps)), len(pcm) // each)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        video = out.add_stream("libx264", rate=fps, options=VIDEO)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=SAMPLE_RATE_HZ)
        audio.layout, audio.bit_rate = "stereo", AUDIO_BIT_RATE
        for number, shot in enumerate(shots):
            shot.frame.pts, shot.frame.time_base = number, Fraction(1, fps)
            out.mux(video.encode(shot.frame))
            samples = np.ascontiguousarray(pcm[number * each : (number + 1) * each]).reshape(1, -1)
            sound = AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            sound.sample_rate, sound.pts = SAMPLE_RATE_HZ, number * each
            sound.time_base = Fraction(1, SAMPLE_RATE_HZ)
            out.mux(audio.encode(sound))
        out.mux(video.encode())
        out.mux(audio.encode())
