"""The demo's film: its cuts and its sound stand where they were."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from stream.demo.film import write_film

RATE = 48_000


def write_clip(path: Path, level: int) -> None:
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            picture = np.full((48, 64, 3), level, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))


def test_picture_and_sound_meet_where_they_did(tmp_path: Path) -> None:
    for name, level in (("dark.mp4", 20), ("bright.mp4", 230)):
        write_clip(tmp_path / name, level)
    t = np.arange(2 * RATE) / RATE
    tone = np.where(t < 1.0, 0.0, 8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    pcm = np.stack([tone, tone // 2], axis=1)  # silent with the dark clip, a tone with the bright one
    film = tmp_path / "film.mp4"
    write_film(film, [tmp_path / "dark.mp4", tmp_path / "bright.mp4"], pcm, size=(64, 48), fps=25, shot_s=1.0)
    with av.open(str(film)) as container:
        frames = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video=0)]
    assert len(frames) == 50
    assert max(frames[:25]) < 60 and min(frames[25:]) > 180
    with av.open(str(film)) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert heard.shape[0] == 2 and abs(heard.shape[1] - 2 * RATE) <= 2048  # the codec's own frames
    assert np.abs(heard[0, : int(0.95 * RATE)]).max() < 0.01
    left, right = (np.sqrt(np.mean(side[int(1.1 * RATE) : int(1.9 * RATE)] ** 2)) for side in heard)
    assert 0.15 < left < 0.19 and abs(right - left / 2) < 0.01
