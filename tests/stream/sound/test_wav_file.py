"""WAV files: what is read back is what was written, at any moment, and never over full scale."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from stream.ports import SAMPLE_RATE_HZ, Block
from stream.sound import wav_file
from stream.sound.wav_file import WavError, WavFile

NOISE = np.random.default_rng(1).uniform(-1.0, 1.0, (1001, 2)).astype(np.float32)


def read(path: Path) -> Block:
    """Decoded by FFmpeg, full scale 1."""
    with av.open(str(path)) as source:
        blocks = []
        for frame in source.decode(audio=0):
            block = frame.to_ndarray().reshape(-1, 2)
            blocks.append(block / 2.0**31 if frame.format.name == "s32" else block)
        assert source.streams.audio[0].rate == SAMPLE_RATE_HZ
    return np.concatenate(blocks)


def test_24_bits_come_back_to_the_last_bit(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with WavFile(path) as out:
        for start in range(0, 1001, 100):
            out.write(NOISE[start : start + 100])
    assert np.abs(read(path) - NOISE).max() < 2.0**-22
    with wave.open(str(path)) as again:
        assert (again.getnframes(), again.getsampwidth(), again.getnchannels()) == (1001, 3, 2)


def test_floats_come_back_exactly_even_over_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with WavFile(path, "float") as out:
        out.write(3.0 * NOISE)
    assert np.array_equal(read(path), 3.0 * NOISE)


def test_what_is_over_full_scale_is_cut_off_there(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with WavFile(path) as out:
        out.write(np.array([[9.0, -9.0], [1.0, -1.0]], dtype=np.float32))
    assert read(path)[:, 0].tolist() == pytest.approx([1.0, 1.0], abs=1e-6)
    assert read(path)[:, 1].tolist() == pytest.approx([-1.0, -1.0], abs=1e-6)


@pytest.mark.parametrize("encoding", ["pcm24", "float"])
def test_a_file_is_complete_after_every_flush(tmp_path: Path, encoding: wav_file.Encoding) -> None:
    path = tmp_path / "out.wav"
    out = WavFile(path, encoding)
    for count in (1, 2, 3):
        out.write(NOISE)
        out.flush()
        assert len(read(path)) == 1001 * count
        assert struct.unpack("<I", path.read_bytes()[4:8])[0] == path.stat().st_size - 8
    out.close()
    out.close()
    assert len(read(path)) == 3003


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    with WavFile(tmp_path / "out.wav"):
        pass
    with wave.open(str(tmp_path / "out.wav")) as again:
        assert again.getnframes() == 0


def test_more_than_its_sizes_can_say_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wav_file, "_MOST_BYTES", 10_000)
    with WavFile(tmp_path / "out.wav") as out:
        out.write(NOISE)
        with pytest.raises(WavError, match="4 GB"):
            out.write(NOISE)
    assert len(read(tmp_path / "out.wav")) == 1001
