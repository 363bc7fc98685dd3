"""Small videos made on the spot: a moving gradient, and a tone beside it if asked for."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

RATE_HZ = 25


def make_clip(
    path: Path,
    frames: int = 50,
    tone_hz: float = 0.0,
    codec: str = "libx264",
    late_s: float = 0.0,
    pause: int = 0,
    first: int = 0,
) -> Path:
    """`frames` pictures of 96 x 64, counted from `first`, in their middle a pause of so many; a tone at a
    quarter of full scale from `late_s` on, none at 0 Hz."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=RATE_HZ)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound: AudioStream | None = None
        if tone_hz:
            heard_as = "aac" if path.suffix == ".mp4" else "libopus"
            made = out.add_stream(heard_as, rate=48_000, layout="stereo")
            assert isinstance(made, AudioStream)
            sound = made
        for number in range(frames):
            ramp = (np.arange(96)[None, :] + 3 * number) % 256
            rgb = np.repeat(np.broadcast_to(ramp, (64, 96))[..., None], 3, axis=2).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(rgb, "rgb24")
            picture.pts = first + number + (pause if number >= frames // 2 else 0)
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        if sound is not None:
            n = np.arange(frames * 48_000 // RATE_HZ)
            wave = 0.25 * np.sin(2 * np.pi * tone_hz * n / 48_000)
            both = np.repeat(wave[None, :], 2, axis=0).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(both, "fltp", "stereo")
            frame.sample_rate, frame.pts = 48_000, round(48_000 * late_s)
            out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
    return path


def picture_packets(path: Path) -> list[tuple[bytes, float, bool]]:
    """(data, presentation time, key frame) of every video packet, times from the first."""
    found: list[tuple[bytes, float, bool]] = []
    with av.open(str(path)) as source:
        for packet in source.demux(video=0):
            if packet.size and packet.pts is not None and packet.time_base is not None:
                found.append((bytes(packet), float(packet.pts * packet.time_base), packet.is_keyframe))
    start = min(packet[1] for packet in found)
    return [(data, pts - start, key) for data, pts, key in found]


def heard(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The decoded sound, (n, 2) at 48 kHz."""
    resampler = av.AudioResampler("fltp", "stereo", 48_000)
    blocks = []
    with av.open(str(path)) as source:
        for frame in source.decode(audio=0):
            blocks += [piece.to_ndarray().T for piece in resampler.resample(frame)]
    return np.concatenate(blocks).astype(np.float32)
