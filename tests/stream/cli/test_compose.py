"""`narrascore compose`: what it writes, that it writes the same again, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
from typer.testing import CliRunner

from composer import weights
from stream.cli import composing
from stream.cli.__main__ import make_command
from stream.cli.outputs import whole
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
    assert not list((tmp_path / "o").iterdir())


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.txt"

    def write_half() -> None:
        with whole(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert not list(path.parent.iterdir())
    with whole(path) as part:
        part.write_text("all")
    assert path.read_text() == "all" and len(list(path.parent.iterdir())) == 1
