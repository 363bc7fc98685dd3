"""A video file with another sound: its picture copied packet by packet, the sound encoded anew.

    clip = look(Path("in.mp4"))
    replace_sound(Path("in.mp4"), Path("out.mp4"), blocks)  # float32 (n, 2), from clip.start_s on

Nothing of the picture is decoded or encoded here: packets, time stamps and headers are the source's. The
sound is AAC in MP4 and QuickTime, Opus in Matroska and WebM.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from stream.errors import StreamError
from stream.ports import SAMPLE_RATE_HZ, Block


class SoundtrackError(StreamError):
    """A video that cannot be read, or that cannot be written as asked; the message names it."""


class _Kind(NamedTuple):
    container: str
    codec: str
    bits_per_s: int


_KINDS = {
    ".mp4": _Kind("mp4", "aac", 192_000),
    ".m4v": _Kind("mp4", "aac", 192_000),
    ".mov": _Kind("mov", "aac", 192_000),
    ".mkv": _Kind("matroska", "libopus", 160_000),
    ".webm": _Kind("webm", "libopus", 160_000),
}
SUFFIXES = tuple(_KINDS)
"""What can be written."""


class Clip(NamedTuple):
    """A video's picture: when it begins on the file's clock and how long it lasts; whether there is sound."""

    start_s: float
    length_s: float
    width: int
    height: int
    has_sound: bool


def look(path: Path) -> Clip:
    """Read every packet's time, decode nothing.

    Raises:
        SoundtrackError: not a readable video, or one without moving pictures.
    """
    try:
        with av.open(str(path)) as source:
            video = _picture(path, source.streams.video)
            first, end, packets = float("inf"), 0.0, 0
            for packet in source.demux(video):
                if packet.pts is None or packet.time_base is None:
                    continue
                packets += 1
                first = min(first, float(packet.pts * packet.time_base))
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            has_sound = bool(source.streams.audio)
            width, height = video.codec_context.width, video.codec_context.height
    except (OSError, av.FFmpegError, ValueError) as error:
        raise SoundtrackError(f"{path} is not a readable video: {error}") from error
    if packets < 2 or end <= first:
        raise SoundtrackError(f"{path} holds no moving pictures: there is nothing to score.")
    return Clip(first, end - first, width, height, has_sound)


def check_target(path: Path) -> None:
    """Whether a file called this can be written at all, before any work is done.

    Raises:
        SoundtrackError: the name's ending is none of `SUFFIXES`.
    """
    if path.suffix.lower() not in _KINDS:
        raise SoundtrackError(f"{path.name}: a scored video's name must end in one of {', '.join(SUFFIXES)}.")


def replace_sound(source_path: Path, target_path: Path, sound: Iterable[Block]) -> None:
    """Write `target_path`: the picture of `source_path`, and `sound` from the first picture on.

    The ending of `target_path` chooses the container and with it the codec of the sound.

    Raises:
        SoundtrackError: the source cannot be read, or the container cannot hold its picture.
    """
    check_target(target_path)
    kind = _KINDS[target_path.suffix.lower()]
    start_s = look(source_path).start_s
    options = {"movflags": "+faststart"} if kind.codec == "aac" else {}
    try:
        with (
            av.open(str(source_path)) as source,
            av.open(str(target_path), "w", format=kind.container, options=options) as target,
        ):
            video = _picture(source_path, source.streams.video)
            copied, heard = _streams(source, video, target, kind)
            encoded = _encoded(target, heard, sound, start_s)
            heard_s: float | None = start_s
            for packet in source.demux(video):
                if not packet.size or packet.pts is None or packet.time_base is None:
                    continue  # the demuxer's end mark
                while heard_s is not None and heard_s < float(packet.pts * packet.time_base):
                    heard_s = next(encoded, None)
                packet.stream = copied
                target.mux(packet)
            for _ in encoded:
                pass
    except (av.FFmpegError, OSError) as error:
        raise SoundtrackError(f"{target_path} cannot be written: {error}") from error


def _streams(
    source: InputContainer, video: VideoStream, target: OutputContainer, kind: _Kind
) -> tuple[VideoStream, AudioStream]:
    """Set up the target: the picture's stream, the sound's, the header."""
    for name in ("title", "artist", "date", "comment", "description", "creation_time"):
        if name in source.metadata:
            target.metadata[name] = source.metadata[name]
    try:
        copied = target.add_stream_from_template(video)
        copied.metadata.update(video.metadata)
        heard = target.add_stream(kind.codec, rate=SAMPLE_RATE_HZ, layout="stereo")
        assert isinstance(heard, AudioStream)
        heard.bit_rate = kind.bits_per_s
        target.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        raise SoundtrackError(
            f"A {kind.container} file cannot hold this picture ({video.codec_context.name}): {error}. "
            f"Another ending may do: {', '.join(SUFFIXES)}."
        ) from error
    return copied, heard


def _picture(path: Path, streams: Iterable[VideoStream]) -> VideoStream:
    """The first video stream, as the sensor reads it. A music file's cover is none."""
    video = next(iter(streams), None)
    if video is None or Disposition.attached_pic in video.disposition:
        raise SoundtrackError(f"{path} has no video stream.")
    return video


def _encoded(
    target: OutputContainer, stream: AudioStream, sound: Iterable[Block], start_s: float
) -> Iterator[float]:
    """Encode and write block by block, telling up to when after each."""
    at = round(start_s * SAMPLE_RATE_HZ)
    for block in sound:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T), "fltp", "stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = at
        target.mux(stream.encode(frame))
        at += len(block)
        yield at / SAMPLE_RATE_HZ
    target.mux(stream.encode(None))
