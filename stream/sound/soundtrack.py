"""A video file with another sound: its picture copied packet by packet, the sound encoded anew.

    clip = look(Path("in.mp4"))
    replace_sound(Path("in.mp4"), Path("out.mp4"), blocks)  # float32 (n, 2), from clip.start_s on

Nothing of the picture is decoded or encoded here: packets and headers are the source's, and so is its time,
but for where it begins, which is 0. The sound is AAC in MP4 and QuickTime, Opus in Matroska and WebM.
"""

from __future__ import annotations

import io
import math
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
LONGEST_S = 24 * 3600.0
"""Longer than this is a damaged clock, not a video."""


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
        SoundtrackError: not a readable video, one without moving pictures, or one whose time is damaged.
    """
    if path.is_dir():
        raise SoundtrackError(f"{path} is a folder: give a video file.")
    if not path.exists():
        raise SoundtrackError(f"{path} is not there: give a video file.")
    try:
        with _opened(path) as source:
            video = _picture(path, source.streams.video)
            first, end, packets = _span(path, source, video)
            has_sound = bool(source.streams.audio)
            width, height = video.codec_context.width, video.codec_context.height
    except (OSError, av.FFmpegError, ValueError) as error:
        raise SoundtrackError(
            f"{path} is not a readable video ({_reason(error)}): give one that plays."
        ) from error
    if packets < 2 or end <= first:
        raise SoundtrackError(f"{path} holds no moving pictures: there is nothing to score.")
    if end - first > LONGEST_S:
        raise SoundtrackError(
            f"{path} says that it lasts {(end - first) / 3600.0:.0f} hours; at most {LONGEST_S / 3600.0:.0f} "
            "are scored. If that is not so, its time stamps are damaged: write it anew with another program."
        )
    return Clip(first, end - first, width, height, has_sound)


def _span(path: Path, source: InputContainer, video: VideoStream) -> tuple[float, float, int]:
    """When the first picture begins and the last ends, in seconds of the file's clock; how many packets."""
    first, last, end, packets = math.inf, -math.inf, 0.0, 0
    decoded_at = -math.inf
    for packet in source.demux(video):
        if packet.pts is None or packet.time_base is None:
            continue
        if packet.dts is not None:
            if packet.dts < decoded_at:
                raise SoundtrackError(
                    f"{path}: its time stamps go back at {last - first:.1f} s, so its picture cannot be "
                    "copied. Write it anew with another program first."
                )
            decoded_at = packet.dts
        packets += 1
        shown_s = float(packet.pts * packet.time_base)
        first = min(first, shown_s)
        if shown_s >= last:  # a duration is to the next packet, which need not be the next picture
            last, end = shown_s, shown_s + float((packet.duration or 0) * packet.time_base)
    return first, end, packets


def check_target(path: Path) -> None:
    """Whether a file called this can be written at all, before any work is done.

    Raises:
        SoundtrackError: the name's ending is none of `SUFFIXES`.
    """
    if path.suffix.lower() not in _KINDS:
        raise SoundtrackError(f"{path.name}: a scored video's name must end in one of {', '.join(SUFFIXES)}.")


def check_holds(source_path: Path, target_path: Path) -> None:
    """Whether a file called `target_path` can hold the picture of `source_path`. Writes nothing.

    Raises:
        SoundtrackError: it cannot; the message says what can.
    """
    try:
        with _opened(source_path) as source:
            video = _picture(source_path, source.streams.video)
            if not _holds(source, video, target_path.suffix.lower()):
                able = [suffix for suffix in SUFFIXES if _holds(source, video, suffix)]
                name = video.codec_context.codec.canonical_name
                raise SoundtrackError(
                    f"A {target_path.suffix} file cannot hold this picture ({name}). "
                    + (f"It fits into {', '.join(able)}." if able else "Convert the video to H.264 first.")
                )
    except (OSError, av.FFmpegError, ValueError) as error:
        raise SoundtrackError(
            f"{source_path} is not a readable video ({_reason(error)}): give one that plays."
        ) from error


def _holds(source: InputContainer, video: VideoStream, suffix: str) -> bool:
    kind = _KINDS[suffix]
    try:
        with av.open(io.BytesIO(), "w", format=kind.container) as target:
            _streams(source, video, target, kind)
    except (av.FFmpegError, OSError, ValueError):
        return False
    return True


def replace_sound(source_path: Path, target_path: Path, sound: Iterable[Block]) -> None:
    """Write `target_path`: the picture of `source_path`, from 0 on, and `sound` with it.

    The ending of `target_path` chooses the container and with it the codec of the sound.

    Raises:
        SoundtrackError: the source cannot be read, the container cannot hold its picture, or the target
            cannot be written.
    """
    check_target(target_path)
    check_holds(source_path, target_path)
    kind = _KINDS[target_path.suffix.lower()]
    start_s = look(source_path).start_s
    options = {"movflags": "+faststart"} if kind.codec == "aac" else {}
    try:
        with (
            _opened(source_path) as source,
            av.open(str(target_path.absolute()), "w", format=kind.container, options=options) as target,
        ):
            video = _picture(source_path, source.streams.video)
            copied, heard = _streams(source, video, target, kind)
            encoded = _encoded(target, heard, sound)
            heard_s: float | None = 0.0
            for packet in source.demux(video):
                if not packet.size or packet.pts is None or packet.time_base is None:
                    continue  # the demuxer's end mark
                # A clock that begins late, as a broadcast's does, would be a black beginning.
                late = round(start_s / packet.time_base)
                packet.pts -= late
                if packet.dts is not None:
                    packet.dts -= late
                while heard_s is not None and heard_s < float(packet.pts * packet.time_base):
                    heard_s = next(encoded, None)
                packet.stream = copied
                target.mux(packet)
            for _ in encoded:
                pass
    except (av.FFmpegError, OSError) as error:
        raise SoundtrackError(
            f"The scored video cannot be written ({_reason(error)}): free some space or give another place."
        ) from error


def _streams(
    source: InputContainer, video: VideoStream, target: OutputContainer, kind: _Kind
) -> tuple[VideoStream, AudioStream]:
    """Set up the target: the picture's stream, the sound's, the header. Raises what PyAV does."""
    for name in ("title", "artist", "date", "comment", "description", "creation_time"):
        if name in source.metadata:
            target.metadata[name] = source.metadata[name]
    # As it is, also where there is a decoder and no encoder of that name, as for AV1.
    copied = target.add_stream_from_template(video, opaque=True)
    copied.metadata.update(video.metadata)
    heard = target.add_stream(kind.codec, rate=SAMPLE_RATE_HZ, layout="stereo")
    assert isinstance(heard, AudioStream)
    heard.bit_rate = kind.bits_per_s
    target.start_encoding()
    return copied, heard


def _opened(path: Path) -> InputContainer:
    """Raises what PyAV does."""
    # From the root on: `12:30.mp4` would be an address of the protocol 12.
    return av.open(str(path.absolute()))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _picture(path: Path, streams: Iterable[VideoStream]) -> VideoStream:
    """The first video stream, as the sensor reads it. A cover is none."""
    video = next((each for each in streams if Disposition.attached_pic not in each.disposition), None)
    if video is None:
        raise SoundtrackError(f"{path} has no video stream.")
    return video


def _encoded(target: OutputContainer, stream: AudioStream, sound: Iterable[Block]) -> Iterator[float]:
    """Encode and write block by block, telling up to when after each."""
    at = 0
    for block in sound:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T), "fltp", "stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = at
        target.mux(stream.encode(frame))
        at += len(block)
        yield at / SAMPLE_RATE_HZ
    target.mux(stream.encode(None))
