"""`narrascore score`: a real clip gets its music, its picture stays as it is, bad orders are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from composer.affect_curve import constant
from composer.errors import AnchorError
from sensor.sense import Row
from stream.beside.clips import sample_clips
from stream.cli.__main__ import make_command
from stream.cli.scoring import Order, check, curve_of, write_scored
from stream.outputs import OutputError
from stream.ports import Block
from stream.sound.mixing import Ducker
from stream.sound.soundtrack import SoundtrackError
from tests.composer import tiny
from tests.stream.clips import heard, make_clip, picture_packets

runner = CliRunner()
app = make_command()


def order(video: Path, target: Path, keep_audio: bool = False, duck: bool = False) -> Order:
    return Order(video, target, "cinematic", 1, "balanced", keep_audio, duck, 0.0, 0.5)


def scored(order: Order) -> Block:
    told: list[float] = []
    clip = check(order, force=False)
    write_scored(order, clip, constant(0.3, 0.9), told.append, tiny.player())
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)
    return heard(order.target.absolute())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds with a tone of 1 kHz."""
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mp4", tone_hz=1000.0)


def at_1_khz(pcm: Block) -> float:
    n = np.arange(len(pcm))
    return float(2.0 * abs(np.mean(pcm[:, 0] * np.exp(-2j * np.pi * 1000.0 * n / 48_000))))


def test_a_real_clip_is_scored_with_one_command(tmp_path: Path) -> None:
    source, target = sample_clips()[2], tmp_path / "scored.mkv"
    result = runner.invoke(app, ["score", str(source), "-o", str(target), "--anchor", "lofi", "--seed", "3"])
    assert result.exit_code == 0, result.stderr
    assert [p[0] for p in picture_packets(source)] == [p[0] for p in picture_packets(target)]
    sound = heard(target)
    assert len(sound) / 48_000 == pytest.approx(4.004, abs=0.05)
    assert 0.02 < np.abs(sound).max() <= 1.0
    assert list(tmp_path.iterdir()) == [target]


def test_its_own_sound_is_replaced_or_kept(clip: Path, tmp_path: Path) -> None:
    alone = scored(order(clip, tmp_path / "alone.mp4"))
    kept = scored(order(clip, tmp_path / "kept.mp4", keep_audio=True))
    assert at_1_khz(alone[9600:86_400]) < 0.02
    assert at_1_khz(kept[9600:86_400]) == pytest.approx(0.25, abs=0.04)
    assert np.abs(kept).max() <= 1.0


def test_music_steps_back_under_its_own_sound(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = scored(order(clip, tmp_path / "plain.mp4", keep_audio=True))
    ducked = scored(order(clip, tmp_path / "ducked.mp4", keep_audio=True, duck=True))
    monkeypatch.setattr(Ducker, "duck", lambda self, music, other: 0.0 * music)
    tone = scored(order(clip, tmp_path / "tone.mp4", keep_audio=True, duck=True))
    steady = slice(48_000, 86_400)
    music = np.sqrt(np.mean((plain - tone)[steady] ** 2))
    under = np.sqrt(np.mean((ducked - tone)[steady] ** 2))
    assert music > 0.005 and under < 0.5 * music


def test_without_sound_of_its_own_there_is_music_only(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mp4")
    assert np.abs(scored(order(silent, tmp_path / "out.mp4", keep_audio=True))).max() > 0.01


def test_what_exists_is_replaced_only_when_told_to(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("precious")
    with pytest.raises(OutputError, match="--force"):
        check(order(clip, target), force=False)
    check(order(clip, target), force=True)
    copy = shutil.copy(clip, tmp_path / "own.mp4")
    with pytest.raises(SoundtrackError, match="itself"):
        check(order(Path(copy), Path(copy)), force=True)


def test_a_failure_leaves_what_was_there(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_text("precious")
    wanted = order(clip, target)._replace(anchor=" ")
    with pytest.raises(AnchorError):
        write_scored(wanted, check(wanted, force=True), constant(0, 0), lambda _: None, tiny.player())
    assert target.read_text() == "precious" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--anchor", " "], "anchor"),
        (["--reactivity", "frantic"], "frantic"),
        (["--music-db", "nan"], "--music-db"),
    ],
)
def test_bad_orders_are_refused_before_any_work(
    clip: Path, tmp_path: Path, arguments: list[str], word: str
) -> None:
    result = runner.invoke(app, ["score", str(clip), "-o", str(tmp_path / "out.mp4"), *arguments])
    assert result.exit_code and word in result.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "word"),
    [("out.webm", "fits into .mp4"), ("in/out.mp4", "is a file"), ("folder.mp4", "is a folder")],
)
def test_what_cannot_be_written_is_refused_before_any_work(tmp_path: Path, name: str, word: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    video = make_clip(tmp_path / "in.mp4", frames=5)
    video = video.rename(tmp_path / "in")
    before = sorted(tmp_path.iterdir())
    with pytest.raises((SoundtrackError, OutputError), match=word):
        check(order(video, tmp_path / name), force=True)
    assert sorted(tmp_path.iterdir()) == before


def test_a_video_may_be_called_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "in.mp4", frames=10, tone_hz=440.0).rename("12:30.mp4")
    assert np.abs(scored(order(Path("12:30.mp4"), Path("13:30.mp4"), keep_audio=True))).max() > 0.01


@pytest.mark.parametrize(("name", "out"), [("none.mp4", "out.mp4"), ("text.mp4", "out.mp4")])
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, out: str) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    result = runner.invoke(app, ["score", str(tmp_path / name), "-o", str(tmp_path / out)])
    assert result.exit_code == 1 and name in "".join(result.stderr.split())


def test_time_that_does_not_go_on_is_left_out() -> None:
    rows = [Row("x", t, 0.1 * k, 0.0, 1.0, k == 2) for k, t in enumerate((0.0, 0.5, 0.4, 0.5, 0.75))]
    curve = curve_of(rows)
    assert [point.t_s for point in curve.points] == [0.0, 0.5, 0.75] and curve.cuts_s == ()
