from __future__ import annotations

from pathlib import Path

import pytest

from stream.recording.files import AffectRow, RecordingFiles
from stream.recording.plot import draw, loudness
from tests.stream.recording.test_files import music

pytest.importorskip("matplotlib")


def test_a_recording_becomes_a_picture(tmp_path: Path) -> None:
    with RecordingFiles(tmp_path / "one") as files:
        files.music.write(music(96_000))
        for n in range(20):
            files.affect.write(AffectRow(n / 10, n / 20, -n / 20, 1.0, None, None, None, int(n == 7)))
    times, peaks = loudness(tmp_path / "one" / "music.flac")
    assert times[-1] == pytest.approx(2.0, abs=0.1)
    assert peaks.max() == pytest.approx(9000 / 32768, abs=0.001)
    draw(tmp_path / "one")
    assert (tmp_path / "one" / "score.png").read_bytes().startswith(b"\x89PNG")
