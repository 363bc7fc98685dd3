"""The sound a video file came with, as PCM on the picture's clock."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Block

log = logging.getLogger(__name__)

_GAP_SAMPLES = SAMPLE_RATE_HZ // 20
"""Time stamps may wander this far (50 ms) before sound is moved to where they say."""


def original_sound(path: Path, start_s: float, samples: int, block_samples: int) -> Iterator[Block]:
    """Exactly `samples` of the file's sound, from `start_s` of its clock on, in blocks of `block_samples`.

    Silence before it begins, in gaps, after it ends, where it cannot be decoded, and if there is none.
    """
    waiting = np.zeros((0, CHANNELS), dtype=np.float32)
    left = samples
    for piece in _placed(path, start_s):
        waiting = np.concatenate([waiting, piece])
        while len(waiting) >= block_samples and left:
            size = min(block_samples, left)
            yield waiting[:size]
            waiting, left = waiting[size:], left - size
        if not left:
            return
    while left:
        size = min(block_samples, left)
        short = waiting[:size]
        yield np.concatenate([short, np.zeros((size - len(short), CHANNELS), dtype=np.float32)])
        waiting, left = waiting[size:], left - size


def _placed(path: Path, start_s: float) -> Iterator[Block]:
    """Decoded pieces, with silence put in and overlaps cut out so that each stands where its time says."""
    resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE_HZ)
    at = 0
    try:
        with av.open(str(path.absolute())) as source:
            if not source.streams.audio:
                return
            for frame in source.decode(source.streams.audio[0]):
                if frame.time is not None:
                    wanted = round((frame.time - start_s) * SAMPLE_RATE_HZ)
                    if wanted > at + _GAP_SAMPLES:
                        for size in _in_seconds(wanted - at):
                            yield np.zeros((size, CHANNELS), dtype=np.float32)
                        at = wanted
                    skip = at - wanted if wanted < at - _GAP_SAMPLES or (at == 0 and wanted < 0) else 0
                else:
                    skip = 0
                for piece in resampler.resample(frame):
                    block = piece.to_ndarray().T.astype(np.float32, copy=False)
                    kept = block[skip:]
                    skip = max(skip - len(block), 0)
                    at += len(kept)
                    yield kept
            for piece in resampler.resample(None):
                yield piece.to_ndarray().T.astype(np.float32, copy=False)
    except (OSError, av.FFmpegError, ValueError) as error:
        log.warning("%s: its sound cannot be read to the end (%s)", path, error)


def _in_seconds(samples: int) -> Iterator[int]:
    """`samples` in pieces of a second: a long gap is not one long array."""
    while samples > 0:
        yield min(samples, SAMPLE_RATE_HZ)
        samples -= SAMPLE_RATE_HZ
