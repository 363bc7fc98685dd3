"""The files of a recording. Each can be read up to the last second even if we are killed while writing it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TextIO

import av
import numpy as np
import numpy.typing as npt
from av import AudioFrame
from av.audio.codeccontext import AudioCodecContext

from stream.ports import CHANNELS, SAMPLE_RATE_HZ

MUSIC, AFFECT, PROVENANCE, PLOT = "music.flac", "affect.csv", "provenance.json", "score.png"

Pcm = npt.NDArray[np.int16]
"""Interleaved stereo, shape (samples, 2)."""


class FlacFile:
    """16-bit stereo FLAC. Every frame of about 0.1 s reaches the file as soon as it is full.

    The length and checksum in its header are filled in by `close`; players do without.
    All methods raise OSError when the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path), "w", format="flac", options={"flush_packets": "1"})
        self._stream = self._container.add_stream("flac", rate=SAMPLE_RATE_HZ, layout="stereo")
        codec = self._stream.codec_context
        assert isinstance(codec, AudioCodecContext)
        codec.format = "s16"
        self.samples = 0

    def write(self, pcm: Pcm) -> None:
        if len(pcm) == 0:
            return
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self.samples
        self.samples += len(pcm)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


class AffectRow(NamedTuple):
    """One line of `affect.csv`. `t_s` is the place in `music.flac`; the reading is the newest there was;
    `cuts` counts those since the last line."""

    t_s: float
    valence: float
    arousal: float
    confidence: float
    read_valence: float | None
    read_arousal: float | None
    read_confidence: float | None
    cuts: int


class AffectFile:
    """A CSV with a header. Every line reaches the file at once. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="ascii", buffering=1, newline="\n")
        self._file.write(",".join(AffectRow._fields) + "\n")

    def write(self, row: AffectRow) -> None:
        self._file.write(",".join(_cell(value) for value in row) + "\n")

    def close(self) -> None:
        self._file.close()


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all: a reader never sees half a file. Raises OSError."""
    draft = path.with_suffix(".draft")
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # Half of a surrogate pair, which JSON from a page may hold, is written as JSON's own escape.
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(draft, path)


class RecordingFiles:
    """A context manager over all of them. Raises OSError when the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.music = FlacFile(folder / MUSIC)
        self.affect = AffectFile(folder / AFFECT)

    def write_provenance(self, content: dict[str, Any]) -> None:
        write_json(self.folder / PROVENANCE, content)

    def __enter__(self) -> RecordingFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.music.close()
        except OSError:
            # What failed before fails again here; what is in the file already stays.
            if error is None:
                raise
        finally:
            self.affect.close()


def to_pcm(data: bytes) -> Pcm:
    """From what `stream.sound.wav.pcm_bytes` made."""
    return np.frombuffer(data, "<i2").reshape(-1, CHANNELS).astype(np.int16)
