"""Another sound under the same picture: packets untouched, the sound where it belongs, errors that say."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from stream.beside.clips import sample_clips
from stream.ports import SAMPLE_RATE_HZ, Block
from stream.sound.soundtrack import SoundtrackError, check_holds, check_target, look, replace_sound
from tests.stream.clips import heard, make_clip, picture_packets

CLICK_S = 1.0


def clicks(seconds: float) -> list[Block]:
    """Noise for 20 ms at `CLICK_S`, else silence, in uneven blocks."""
    sound = np.zeros((round(seconds * SAMPLE_RATE_HZ), 2), dtype=np.float32)
    at = round(CLICK_S * SAMPLE_RATE_HZ)
    sound[at : at + 960] = np.random.default_rng(0).uniform(-0.5, 0.5, (960, 2))
    return [sound[start : start + 5000] for start in range(0, len(sound), 5000)]


def copied(clip: Path, target: Path) -> list[float]:
    """Times of the copied packets, after everything about them has been compared."""
    replace_sound(clip, target, clicks(2.0))
    before, after = picture_packets(clip), picture_packets(target)
    assert [p[0] for p in before] == [p[0] for p in after] and len(before) > 40
    assert [p[2] for p in before] == [p[2] for p in after]
    times = [p[1] for p in before]
    assert [p[1] for p in after] == pytest.approx(times, abs=1.1e-3)  # Matroska counts milliseconds
    return times


@pytest.mark.parametrize("source", ["in.mp4", "in.mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv"])
def test_the_picture_is_copied_packet_by_packet(tmp_path: Path, source: str, suffix: str) -> None:
    copied(make_clip(tmp_path / source, tone_hz=440.0), tmp_path / f"out{suffix}")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_out_of_order_stay_so(tmp_path: Path, suffix: str) -> None:
    """B-frames, there and back: Matroska leaves decoding times out."""
    times = copied(sample_clips()[2], tmp_path / f"out{suffix}")
    assert times != sorted(times), "no B-frames to get wrong"
    assert copied(tmp_path / f"out{suffix}", tmp_path / "again.mp4") == pytest.approx(times, abs=1.1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_sound_is_where_it_belongs(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out{suffix}"
    replace_sound(make_clip(tmp_path / "in.mp4"), target, clicks(2.0))
    loud = np.abs(heard(target)).max(axis=1) > 0.15
    assert loud.argmax() / SAMPLE_RATE_HZ == pytest.approx(CLICK_S, abs=0.01)
    assert look(target).has_sound and look(target).length_s == pytest.approx(2.0, abs=0.01)


def test_webm_takes_what_it_can_hold_and_says_what_it_cannot(tmp_path: Path) -> None:
    target = tmp_path / "out.webm"
    replace_sound(make_clip(tmp_path / "in.webm", codec="libvpx"), target, clicks(2.0))
    assert picture_packets(target)[0][0] == picture_packets(tmp_path / "in.webm")[0][0]
    with pytest.raises(SoundtrackError, match=r"webm.*h264.*\.mkv"):
        replace_sound(make_clip(tmp_path / "in.mp4"), target, clicks(2.0))


@pytest.mark.skipif("libsvtav1" not in av.codecs_available, reason="nothing here writes AV1")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_av1_is_copied_though_it_is_only_decoded(tmp_path: Path, suffix: str) -> None:
    clip, target = make_clip(tmp_path / "in.mp4", frames=5, codec="libsvtav1"), tmp_path / f"out{suffix}"
    replace_sound(clip, target, clicks(2.0))
    assert [p[0] for p in picture_packets(target)] == [p[0] for p in picture_packets(clip)]


def test_what_no_ending_can_hold_is_to_be_converted(tmp_path: Path) -> None:
    with pytest.raises(SoundtrackError, match=r"mkv.*flv1.*Convert"):
        check_holds(make_clip(tmp_path / "in.flv", frames=5, codec="flv1"), tmp_path / "out.mkv")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_clock_that_begins_late_begins_anew(tmp_path: Path, suffix: str) -> None:
    clip, target = make_clip(tmp_path / "in.ts", first=1000), tmp_path / f"out{suffix}"
    assert look(clip).start_s == pytest.approx(40.0, abs=0.2)
    replace_sound(clip, target, clicks(2.0))
    with av.open(str(target)) as out:
        assert out.start_time == pytest.approx(0, abs=10_000) and out.duration == pytest.approx(
            2e6, abs=50_000
        )
    assert look(target)[:2] == pytest.approx((0.0, 2.0), abs=0.01)
    loud = np.abs(heard(target)).max(axis=1) > 0.15
    assert loud.argmax() / SAMPLE_RATE_HZ == pytest.approx(CLICK_S, abs=0.01)


def test_a_pause_counts_once(tmp_path: Path) -> None:
    """Pictures out of order stand before the pause that the packet after them tells of."""
    clip = make_clip(tmp_path / "in.mkv", pause=1500)
    for source in (clip, tmp_path / "out.mp4"):
        assert look(source).length_s == pytest.approx(62.0, abs=0.01)
        replace_sound(clip, tmp_path / "out.mp4", clicks(2.0))


def test_a_damaged_clock_is_refused(tmp_path: Path) -> None:
    once = make_clip(tmp_path / "once.ts")
    (tmp_path / "twice.ts").write_bytes(2 * once.read_bytes())
    with pytest.raises(SoundtrackError, match=r"twice\.ts.*go back at 2\.0 s"):
        look(tmp_path / "twice.ts")
    with pytest.raises(SoundtrackError, match="72 hours"):
        look(make_clip(tmp_path / "days.mkv", pause=3 * 86_400 * 25))


@pytest.mark.parametrize("name", ["out.avi", "out", "out.wav"])
def test_another_container_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(SoundtrackError, match=r"\.mp4.*\.webm"):
        check_target(tmp_path / name)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video at all")
    for path in (text, tmp_path / "none.mp4", tmp_path):
        with pytest.raises(SoundtrackError, match=path.name):
            look(path)


def test_sound_alone_and_a_still_are_refused(tmp_path: Path) -> None:
    from stream.sound.wav_file import WavFile

    with WavFile(tmp_path / "sound.wav") as out:
        out.write(clicks(1.5)[0])
    with pytest.raises(SoundtrackError, match="no video"):
        look(tmp_path / "sound.wav")
    with pytest.raises(SoundtrackError, match="no moving"):
        look(make_clip(tmp_path / "still.mp4", frames=1))


def test_an_error_in_the_sound_passes_through(tmp_path: Path) -> None:
    def broken() -> list[Block]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replace_sound(make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", (broken() for _ in range(1)))  # type: ignore[misc]
