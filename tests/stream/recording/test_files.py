from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from stream.recording.files import AffectFile, AffectRow, FlacFile, RecordingFiles, write_json


def decoded(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    with av.open(str(path), "r") as container:
        return np.concatenate([f.to_ndarray().reshape(-1, 2) for f in container.decode(audio=0)])


def music(samples: int) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    t = np.arange(samples)
    left = 9000 * np.sin(t / 30)
    return np.stack([left, left / 2], axis=1).astype(np.int16)


def test_flac_gives_back_every_sample_whatever_the_pieces(tmp_path: Path) -> None:
    pcm, file = music(100_000), FlacFile(tmp_path / "a.flac")
    for start, end in ((0, 1), (1, 1), (1, 7000), (7000, 7960), (7960, 100_000)):
        file.write(pcm[start:end])
    file.close()
    assert (decoded(tmp_path / "a.flac") == pcm).all()


def test_an_unfinished_flac_holds_all_but_the_last_tenth_of_a_second(tmp_path: Path) -> None:
    pcm, file = music(480_000), FlacFile(tmp_path / "a.flac")
    for start in range(0, 480_000, 4800):
        file.write(pcm[start : start + 4800])
    (tmp_path / "b.flac").write_bytes((tmp_path / "a.flac").read_bytes())
    file.close()
    found = decoded(tmp_path / "b.flac")
    assert len(found) > 480_000 - 2 * 4800 and (found == pcm[: len(found)]).all()


def test_lines_are_in_the_file_as_soon_as_they_are_written(tmp_path: Path) -> None:
    file = AffectFile(tmp_path / "affect.csv")
    file.write(AffectRow(0.1, 0.25, -0.5, 1.0, None, None, None, 0))
    file.write(AffectRow(0.2, 0.25, -0.5, 1.0, 0.5, -1.0, 0.9, 2))
    assert (tmp_path / "affect.csv").read_text().splitlines() == [
        "t_s,valence,arousal,confidence,read_valence,read_arousal,read_confidence,cuts",
        "0.1000,0.2500,-0.5000,1.0000,,,,0",
        "0.2000,0.2500,-0.5000,1.0000,0.5000,-1.0000,0.9000,2",
    ]
    file.close()


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "p.json", {"a": 1})
    write_json(tmp_path / "p.json", {"a": "é"})
    assert json.loads((tmp_path / "p.json").read_text(encoding="utf-8")) == {"a": "é"}
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
def test_a_full_disk_is_an_error_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "full.flac").symlink_to("/dev/full")
    file = FlacFile(tmp_path / "full.flac")
    with pytest.raises(OSError, match="No space left"):
        file.write(music(48_000))


def test_a_folder_that_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileExistsError):
        RecordingFiles(tmp_path / "taken")
