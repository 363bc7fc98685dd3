"""A file as the live picture: paced by its own stamps, looped, and refused by name when it cannot be."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame

from stream.beside import file_source
from stream.beside.clips import ClipError, sample_clips
from stream.beside.file_source import FRAME_S, STILL_S, FileSource, Pace, check


def write_clip(path: Path, frames: int, fps: int = 50) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for n in range(frames):
            picture = np.full((48, 64, 3), 10 + 10 * n, np.uint8)
            out.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))


def test_frames_are_due_when_their_stamps_say() -> None:
    pace = Pace()
    assert pace.wait_s(5.0, 100.0) == 0.0  # the first is due now, whatever its stamp
    assert pace.wait_s(5.5, 100.0) == pytest.approx(0.5)
    assert pace.wait_s(5.5, 100.75) == pytest.approx(-0.25)  # late, but time goes on
    assert pace.wait_s(6.5, 100.75) == pytest.approx(0.75)


@pytest.mark.parametrize(("stamp_s", "now_s"), [(2.0, 100.5), (500.0, 100.5), (6.0, 130.0)])
def test_a_leap_back_or_ahead_or_a_long_pause_begins_anew(stamp_s: float, now_s: float) -> None:
    pace = Pace()
    pace.wait_s(5.0, 100.0)
    assert pace.wait_s(stamp_s, now_s) == 0.0
    assert pace.wait_s(stamp_s + 1.0, now_s) == pytest.approx(1.0)


def test_frames_without_stamps_do_not_rush() -> None:
    pace = Pace()
    waits = [pace.wait_s(None, 100.0) for _ in range(4)]
    assert waits == pytest.approx([0.0, FRAME_S, 2 * FRAME_S, 3 * FRAME_S])


def test_a_clip_is_shown_again_and_again_at_its_own_speed(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, 5)
    shown: list[tuple[float, int]] = []
    enough = threading.Event()

    def put(frame: VideoFrame) -> None:
        shown.append((time.monotonic(), int(frame.to_ndarray(format="gray").mean())))
        if len(shown) == 12:
            enough.set()

    source = FileSource(str(path), put, time.monotonic)
    source.start()
    assert enough.wait(10.0)
    source.close()
    first = [level for _, level in shown[:5]]
    assert first == sorted(first) and len(set(first)) == 5
    assert [level for _, level in shown[5:10]] == first
    # Four steps of 20 ms in each turn of the clip: never faster.
    assert shown[4][0] - shown[0][0] > 0.07
    assert source.trouble == ""


class VirtualStop(threading.Event):
    """Time passes in its waits only, until it is set at `end_s`."""

    def __init__(self, end_s: float) -> None:
        super().__init__()
        self.now_s, self._end_s = 100.0, 100.0 + end_s

    def clock(self) -> float:
        return self.now_s

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now_s += timeout
        if self.now_s >= self._end_s:
            self.set()
        return self.is_set()


def shown_at(path: Path, seconds: float) -> list[float]:
    """When pictures of `path` are shown, from the first on."""
    stop = VirtualStop(seconds)
    shown: list[float] = []

    def put(frame: VideoFrame) -> None:
        shown.append(stop.now_s)
        if len(shown) > 10_000:
            stop.set()  # it does not let time pass

    source = FileSource(str(path), put, stop.clock)
    source._stop = stop
    source._run()
    assert source.trouble == ""
    return [t_s - shown[0] for t_s in shown]


def test_a_still_picture_is_opened_twice_a_second_only(tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    write_clip(path, 1)
    assert shown_at(path, 3.0) == pytest.approx([STILL_S * n for n in range(6)])


def test_the_last_picture_of_a_clip_has_its_time(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, 5)
    assert shown_at(path, 0.99) == pytest.approx([0.02 * n for n in range(50)])


def test_a_real_clip_passes_the_check() -> None:
    check(str(sample_clips()[0]))


@pytest.mark.parametrize("content", [None, b"", b"not a video" * 100])
def test_what_is_no_video_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "missing.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClipError, match=r"missing\.mp4"):
        check(str(path))


def test_a_folder_and_a_dead_address_are_refused(tmp_path: Path) -> None:
    for address in (str(tmp_path), "http://127.0.0.1:9/clip.mp4", "nonsense://x"):
        with pytest.raises(ClipError) as refused:
            check(address)
        assert address in str(refused.value)


def test_sound_alone_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("pcm_s16le", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        out.mux(sound.encode(frame))
    with pytest.raises(ClipError, match="no pictures"):
        check(str(path))


def test_a_file_that_vanishes_is_reported_and_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_source, "BACKOFF_S", (0.01,))
    path = tmp_path / "late.mp4"
    seen = threading.Event()
    source = FileSource(str(path), lambda frame: seen.set(), time.monotonic)
    source.start()
    while not source.trouble:
        time.sleep(0.001)
    assert "late.mp4" in source.trouble
    write_clip(tmp_path / "ready.mp4", 5)
    (tmp_path / "ready.mp4").rename(path)
    assert seen.wait(10.0)
    source.close()
    assert source.trouble == ""
