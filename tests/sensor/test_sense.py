"""Files in, rows out: stills raw, clips smoothed, folders in order, and the plot."""

from __future__ import annotations

import csv
import logging
import os
from pathlib import Path

import pytest

from sensor.errors import DataError, SensorError
from sensor.live import Eye, LiveSensor
from sensor.oasis import read_still
from sensor.sense import Row, sense
from tests.sensor.pictures import blobs, write_clip, write_png


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_clip(tmp_path / "clip.mp4", [blobs(i // 25, 160, 90) for i in range(50)])
    return tmp_path / "clip.mp4"


def test_a_still_is_one_raw_reading(eye: Eye, tmp_path: Path) -> None:
    write_png(tmp_path / "one.png", blobs(3, 96, 64))
    raw = LiveSensor(eye).read(read_still(tmp_path / "one.png"), 0.0)
    found = sense([tmp_path / "one.png"], eye)
    assert found[0].rows == [
        Row(str(tmp_path / "one.png"), 0.0, raw.valence, raw.arousal, raw.confidence, False)
    ]


def test_a_clip_is_a_curve(eye: Eye, clip: Path) -> None:
    shares: list[float] = []
    (found,) = sense([clip], eye, progress=shares.append)
    times = [row.t_s for row in found.rows]
    assert len(found.rows) == pytest.approx(16, abs=1)
    assert times == sorted(times)
    assert times[0] == 0.0
    assert found.rows[0].valence == 0.0  # a session begins neutral
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert found.thumbnails[0].rgb.shape[1] == 120


def test_a_folder_gives_each_file_in_order(
    eye: Eye, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("b", "a", "c"):
        write_png(tmp_path / f"{name}.png", blobs(ord(name), 96, 64))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not looked at")
    with caplog.at_level(logging.WARNING, "sensor.sense"):
        found = sense([tmp_path], eye, csv_path=tmp_path / "out.csv")
    assert [Path(each.path).name for each in found] == ["a.png", "b.png", "c.png"]
    assert "broken.jpg" in caplog.text
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "t_s", "valence", "arousal", "confidence", "cut"]
    assert [float(row["valence"]) for row in rows] == pytest.approx(
        [each.rows[0].valence for each in found], abs=1e-4
    )


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_named_file_must_be_readable(eye: Eye, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png"):
        sense([path], eye)


def test_nothing_found(eye: Eye, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures or clips"):
        sense([tmp_path], eye)


def test_a_broken_clip_gives_what_can_be_read(eye: Eye, clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    clip.write_bytes(data)
    (found,) = sense([clip], eye)
    assert found.rows


def test_unknown_preset(eye: Eye, clip: Path) -> None:
    with pytest.raises(SensorError, match="frantic"):
        sense([clip], eye, preset="frantic")


def test_the_plot(eye: Eye, clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'narrascore-live[demo]'")
    from sensor.sense_plot import plot

    write_png(tmp_path / "one.png", blobs(3, 96, 64))
    found = sense([clip, tmp_path / "one.png"], eye)
    plot(found, tmp_path / "plot.png")
    assert read_still(tmp_path / "plot.png").width > 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "one.png", "plot.png"]


@pytest.mark.parametrize(
    ("name", "word"),
    [("plot.nonsense", r"ends in \.png"), ("nowhere/plot.png", "folder"), ("one.png", "are read")],
)
def test_a_plot_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, name: str, word: str
) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'narrascore-live[demo]'")
    from sensor.sense_plot import check_plot

    write_png(tmp_path / "one.png", blobs(3, 96, 64))
    before = (tmp_path / "one.png").read_bytes()
    for paths in ([tmp_path / "one.png"], [tmp_path]):
        with pytest.raises(SensorError, match=word):
            check_plot(tmp_path / name, paths)
    assert (tmp_path / "one.png").read_bytes() == before


def test_the_table_needs_a_place(eye: Eye, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.*cannot be written"):
        sense([clip], eye, csv_path=tmp_path / "nowhere" / "out.csv")


def test_what_is_there_is_kept_when_a_reading_fails(eye: Eye, clip: Path, tmp_path: Path) -> None:
    table = tmp_path / "out.csv"
    table.write_text("of last week")
    with pytest.raises(DataError, match="missing"):
        sense([clip, tmp_path / "missing.mp4"], eye, csv_path=table)
    assert table.read_text() == "of last week"
    with pytest.raises(DataError):
        sense([tmp_path / "missing.mp4"], eye, csv_path=tmp_path / "new.csv")
    assert sorted(path.name for path in tmp_path.iterdir() if "csv" in path.name) == ["out.csv"]


def test_a_clip_is_not_taken_for_the_table(eye: Eye, clip: Path) -> None:
    before = clip.read_bytes()
    with pytest.raises(DataError, match=r"ends in \.csv"):
        sense([clip], eye, csv_path=clip)
    assert clip.read_bytes() == before


def test_what_is_read_is_not_taken_for_the_table(eye: Eye, tmp_path: Path) -> None:
    picture = tmp_path / "picture"
    write_png(tmp_path / "one.png", blobs(3, 96, 64))
    (tmp_path / "one.png").rename(picture)
    before = picture.read_bytes()
    with pytest.raises(DataError, match="are read"):
        sense([picture], eye, csv_path=tmp_path / "." / "picture")
    assert picture.read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_to_and_stays_one(eye: Eye, tmp_path: Path) -> None:
    write_png(tmp_path / "one.png", blobs(3, 96, 64))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        sense([tmp_path / "one.png"], eye, csv_path=pipe)
        assert os.read(reader, 1000).startswith(b"path,t_s")
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["12:30.png", "%03d.png", "a[1].png", "-.png", os.fsdecode(b"bad\xff.png")])
def test_a_file_may_be_called_anything(
    eye: Eye, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "one.png", blobs(3, 96, 64))
    try:
        (tmp_path / "one.png").rename(name)
    except OSError:
        pytest.skip("this system has no such names")
    sense([Path(name)], eye, csv_path=tmp_path / "out.csv")
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 2
