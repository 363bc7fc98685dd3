"""`narrascore compose`: what it writes, that it writes the same again, and what it refuses."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import mido
import numpy as np
import pytest
from typer.testing import CliRunner

from composer import weights
from stream.cli import composing
from stream.cli.__main__ import make_command
from stream.outputs import ended_by_signals, whole
from stream.sound.wav_file import WavFile
from tests.stream.clips import heard

runner = CliRunner()
app = make_command()


def compose(*arguments: object) -> str:
    result = runner.invoke(app, ["compose", *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    return result.stderr


def refused(*arguments: object) -> str:
    result = runner.invoke(app, ["compose", *map(str, arguments)])
    assert result.exit_code != 0 and not isinstance(result.exception, (ValueError, TypeError, OSError))
    return " ".join(result.stderr.split())


def test_every_file_that_was_asked_for_is_written_and_the_same_twice(tmp_path: Path) -> None:
    curve = tmp_path / "curve.csv"
    curve.write_text("t_s,valence,arousal,cut\n0,0.5,0.2,0\n2,-0.5,0.9,1\n3,2,0.9,0\n")
    for name in ("one", "two"):
        folder = tmp_path / name
        said = compose(
            *("--anchor", "lofi with xyzzy", "--affect", curve, "--seed", 5, "-o", folder / "out.wav"),
            *("--midi", folder / "out.mid", "--stems", folder / "stems", "--plot", folder / "out.png"),
        )
    assert "not understood: xyzzy" in said and "clamped" in said and "times as fast" in said
    names = ["out.wav", "out.mid", *(f"stems/{s}.wav" for s in ("lead", "harmony", "bass", "drums"))]
    for file in names:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    found = {str(p.relative_to(tmp_path / "one")) for p in (tmp_path / "one").rglob("*") if p.is_file()}
    assert found == {*names, "out.png"}, "something was left behind"

    sound = heard(tmp_path / "one" / "out.wav")
    assert sound.shape == (3 * 48_000, 2) and 0.01 < np.abs(sound).max() <= 0.9
    stems = [heard(tmp_path / "one" / "stems" / f"{s}.wav") for s in ("lead", "harmony", "bass", "drums")]
    assert all(stem.shape == sound.shape for stem in stems) and np.abs(stems[1]).max() > 0.01
    midi = mido.MidiFile(tmp_path / "one" / "out.mid")
    assert midi.length == pytest.approx(3.0, abs=0.01)
    assert sum(message.type == "note_on" for message in midi) > 5


def test_the_curve_of_a_picture_is_held_for_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[composing.Piece] = []
    monkeypatch.setattr(composing, "write_piece", lambda piece, files, step: pieces.append(piece))
    curve = tmp_path / "curve.csv"
    curve.write_text("t_s,valence,arousal\n0,0.5,0.2\n")
    said = compose("--anchor", "lofi", "--affect", curve, "-o", tmp_path / "out.wav")
    assert [piece.seconds for piece in pieces] == [60.0] and "is held" in said


def test_another_seed_is_another_piece(tmp_path: Path) -> None:
    for seed in (1, 2):
        compose("--anchor", "jazz", "--seconds", 2, "--seed", seed, "-o", tmp_path / f"{seed}.wav")
    assert (tmp_path / "1.wav").read_bytes() != (tmp_path / "2.wav").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--anchor", ""], "anchor"),
        (["--anchor", "x" * 10_000], "10000"),
        (["--anchor", "lofi", "--valence", "1.5"], "from -1 to 1"),
        (["--anchor", "lofi", "--arousal", "nan"], "from -1 to 1"),
        (["--anchor", "lofi", "--affect", "none.csv"], "none.csv"),
        (["--anchor", "lofi", "--affect", "none.csv", "--valence", "0"], "not both"),
        (["--anchor", "lofi", "--seconds", "nan"], "--seconds"),
        (["--anchor", "lofi", "--seconds", "1e9"], "holds at most"),
        (["--anchor", "lofi", "--seconds", "0"], "--seconds"),
        (["--anchor", "lofi", "--seed", "-1"], "--seed"),
        (["--anchor", "lofi", "--midi", "out.txt"], ".mid"),
        (["--anchor", "lofi", "--plot", "out.jpg"], ".png"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(tmp_path: Path, arguments: list[str], word: str) -> None:
    assert word in refused(*arguments, "-o", tmp_path / "out.wav")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "option", "word"),
    [
        ("there.wav", "-o", "--force"),
        ("folder.wav", "-o", "is a folder"),
        ("there.wav/out.wav", "-o", "is a file"),
        ("there.wav/deep/out.wav", "-o", "is a file"),
        ("there.mid", "--midi", "--force"),
        ("deep/there.wav/../../there.wav/out.mid", "--midi", "cannot be written"),
        ("there.png", "--plot", "--force"),
        ("stems", "--stems", "--force"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, option: str, word: str
) -> None:
    monkeypatch.setattr(composing, "write_piece", None)
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "stems").mkdir()
    for there in ("there.wav", "there.mid", "there.png", "stems/bass.wav"):
        (tmp_path / there).write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    out = [] if option == "-o" else ["-o", tmp_path / "new" / "out.wav"]
    said = refused("--anchor", "lofi", *out, option, tmp_path / name)
    assert word in said and "Errno" not in said
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "there.wav").read_text() == "precious"


def test_what_is_there_is_replaced_when_told_to(tmp_path: Path) -> None:
    (tmp_path / "out.wav").write_text("of yesterday")
    compose("--anchor", "lofi", "--seconds", 0.5, "--force", "-o", tmp_path / "out.wav")
    assert len(heard(tmp_path / "out.wav")) == 24_000


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: WavFile, block: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(WavFile, "write", full)
    said = refused("--anchor", "lofi", "--seconds", 0.5, "-o", tmp_path / "deep" / "out.wav")
    assert "out.wav cannot be written (No space left on device): free some space" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signals here")
@pytest.mark.parametrize("number", [signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)])
def test_whoever_is_told_to_end_leaves_no_half_file(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def write_half() -> None:
        with ended_by_signals(), whole(tmp_path / "deep" / "out.txt") as part:
            part.write_text("half")
            signal.raise_signal(number)

    with pytest.raises(SystemExit) as ended:
        write_half()
    assert ended.value.code == 128 + number and signal.getsignal(number) is before
    assert not list(tmp_path.iterdir())


def test_a_bad_line_of_a_curve_is_named(tmp_path: Path) -> None:
    curve = tmp_path / "curve.csv"
    curve.write_text("t_s,valence,arousal\n0,0,0\n5,0,0\n4,0,0\n")
    assert "line 4" in refused("--anchor", "lofi", "--affect", curve, "-o", tmp_path / "out.wav")


def test_only_wav_is_written(tmp_path: Path) -> None:
    assert ".wav" in refused("--anchor", "lofi", "-o", tmp_path / "out.mp3")


def test_a_stem_does_not_overwrite_the_piece(tmp_path: Path) -> None:
    said = refused("--anchor", "lofi", "-o", tmp_path / "bass.wav", "--stems", tmp_path)
    assert "stem" in said and not list(tmp_path.iterdir())


def test_unusable_weights_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / weights.CARD).write_text("{}")
    monkeypatch.setattr(weights.read, "__defaults__", (tmp_path / "w",))
    assert weights.CARD in refused("--anchor", "lofi", "-o", tmp_path / "o" / "out.wav")
    assert not (tmp_path / "o").exists()


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.txt"

    def write_half() -> None:
        with whole(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert not path.parent.exists()
    with whole(path) as part:
        part.write_text("all")
    assert path.read_text() == "all" and len(list(path.parent.iterdir())) == 1
