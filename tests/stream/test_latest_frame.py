from __future__ import annotations

from av import VideoFrame

from stream.latest_frame import LatestFrame


def test_the_newest_wins_and_the_others_are_counted() -> None:
    slot = LatestFrame()
    assert slot.take() is None and not slot.waiting
    frames = [VideoFrame(16 * n, 16, "rgb24") for n in (1, 2, 3)]
    for t_s, frame in enumerate(frames):
        slot.put(frame, float(t_s))
    assert slot.waiting
    arrival = slot.take()
    assert arrival is not None and arrival.frame is frames[2] and arrival.t_s == 2.0
    assert slot.take() is None
    assert (slot.frames, slot.dropped, slot.width, slot.height) == (3, 2, 48, 16)


def test_clearing_forgets_the_picture_not_the_counts() -> None:
    slot = LatestFrame()
    slot.put(VideoFrame(16, 16, "rgb24"), 1.0)
    slot.clear()
    assert slot.take() is None and slot.last_t_s is None and slot.frames == 1


def test_the_time_between_key_frames_is_told() -> None:
    slot = LatestFrame()
    for n in range(12):
        frame = VideoFrame(16, 16, "yuv420p")
        frame.key_frame = n % 5 == 0  # type: ignore[misc]  # it can be set
        slot.put(frame, n * 0.5)
        assert slot.key_frame_s == (2.5 if n >= 5 else 0.0)
    slot.clear()
    assert slot.key_frame_s == 0.0
    slot.put(frame, 100.0)
    frame.key_frame = True  # type: ignore[misc]
    slot.put(frame, 101.0)
    assert slot.key_frame_s == 0.0, "another publisher's"
