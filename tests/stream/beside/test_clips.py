"""Files as live pictures: cut together as promised, refused by name when they cannot be."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame

from stream.beside.clips import ClipError, decoded, in_turn, sample_clips


def grey(value: int) -> VideoFrame:
    return VideoFrame.from_ndarray(np.full((24, 16), value, np.uint8), format="yuv420p")


def brightness(frame: VideoFrame) -> int:
    return int(frame.to_ndarray()[0, 0])


def test_clips_are_cut_hard_in_turn_and_go_on_from_where_they_stopped() -> None:
    clips = [[grey(10), grey(11), grey(12)], [grey(20)]]
    shots = list(itertools.islice(in_turn(clips, 2), 8))
    assert [brightness(shot.frame) for shot in shots] == [10, 11, 20, 20, 12, 10, 20, 20]
    assert [shot.clip for shot in shots] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_every_picture_is_an_object_of_its_own() -> None:
    one, other = itertools.islice(in_turn([[grey(10)]], 2), 2)
    one.frame.pts = 5
    assert other.frame.pts is None


def test_the_sample_clips_decode_and_scale() -> None:
    assert len(sample_clips()) == 3
    frames = decoded(sample_clips()[0], 64, 36)
    assert len(frames) > 50
    assert (frames[0].width, frames[0].height) == (64, 36)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_a_file_that_is_no_clip_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(ClipError, match=r"broken\.mp4"):
        decoded(path, 64, 36)


def test_a_clip_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.mkv"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("pcm_s16le", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        out.mux(sound.encode(frame))
    with pytest.raises(ClipError, match=r"empty\.mkv"):
        decoded(path, 64, 36)
