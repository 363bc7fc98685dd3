"""Recordings as training clips: EnCodec tokens and affect per token, 30 s each, every 15 s.

Recordings with more than 40 % silence are left out, as NarraScore does. Tokens are kept in the run's folder,
so that a training that goes on does not encode again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file

from composer.errors import CorpusError
from composer.musicgen import audio_labels
from composer.musicgen.geometry import CODEC_RATE_HZ, FRAME_RATE_HZ

log = logging.getLogger(__name__)

CLIP_S, OVERLAP_S = 30, 15
MAX_SILENCE = 0.4
_SILENT_DB = -50.0
_KINDS = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac"}


@dataclass(frozen=True)
class Clip:
    """Codes (T, K) and the affect of each frame (T, 2), valence first."""

    song: str
    codes: npt.NDArray[np.int64]
    affect: npt.NDArray[np.float32]


def build(folder: Path, labels: Path | None, codec: Any, kept: Path) -> list[Clip]:
    """Every clip of the recordings in `folder`, in the order of their names.

    Raises CorpusError when there is nothing to train on.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _KINDS)
    if not paths:
        raise CorpusError(f"{folder} holds no recordings ({', '.join(sorted(_KINDS))}).")
    kept.mkdir(parents=True, exist_ok=True)
    songs: list[tuple[str, npt.NDArray[np.int64]]] = []
    heard: list[audio_labels.Array] = []
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        store = kept / f"{name.replace('/', '__')}.safetensors"
        if not store.is_file():
            sound = _decoded(path)
            if silence(sound) > MAX_SILENCE:
                log.info("%s is left out: it is mostly silence", name)
                continue
            arrays: dict[str, npt.NDArray[Any]] = {
                "codes": _encoded(codec, sound).astype(np.int32),
                "features": audio_labels.features(sound, CODEC_RATE_HZ),
            }
            part = store.with_suffix(".part")
            save_file(arrays, part)
            part.replace(store)
        arrays = load_file(store)
        songs.append((name, arrays["codes"].astype(np.int64)))
        heard.append(arrays["features"])
    table = audio_labels.read_table(labels) if labels is not None else None
    curves = audio_labels.computed(heard) if heard else []
    clips: list[Clip] = []
    for (name, codes), curve in zip(songs, curves, strict=True):
        times: audio_labels.Array = np.arange(len(curve), dtype=np.float64) + 0.5
        values = curve
        if table is not None:
            if name not in table:
                log.info("%s has no labels and is left out", name)
                continue
            times, values = table[name]
        clips += _cut(name, codes, times, values, table is not None)
    if not clips:
        raise CorpusError(
            f"{folder} holds nothing to train on: all of it is silent, short or without labels."
        )
    return clips


def _cut(
    name: str,
    codes: npt.NDArray[np.int64],
    times: audio_labels.Array,
    values: audio_labels.Array,
    given: bool,
) -> Iterator[Clip]:
    """Clips of a recording; of one with given labels, only where it has them."""
    at = np.arange(len(codes)) / FRAME_RATE_HZ
    affect = np.stack([np.interp(at, times, values[:, axis]) for axis in (0, 1)], axis=1)
    first, last = 0, len(codes)
    if given:
        first, last = int(times[0] * FRAME_RATE_HZ), min(last, int(times[-1] * FRAME_RATE_HZ) + 1)
    length, stride = CLIP_S * FRAME_RATE_HZ, (CLIP_S - OVERLAP_S) * FRAME_RATE_HZ
    for start in range(first, max(first + 1, last - length + 1), stride):
        stop = min(start + length, last)
        if stop - start >= FRAME_RATE_HZ * 2:
            yield Clip(name, codes[start:stop], affect[start:stop].astype(np.float32))


def silence(sound: npt.NDArray[np.float32]) -> float:
    """The share of tenths of a second under -50 dBFS."""
    size = CODEC_RATE_HZ // 10
    whole = len(sound) // size * size
    if whole == 0:
        return 1.0
    power = np.square(sound[:whole].reshape(-1, size), dtype=np.float64).mean(axis=1)
    return float((10.0 * np.log10(power + 1e-12) < _SILENT_DB).mean())


def _decoded(path: Path) -> npt.NDArray[np.float32]:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=CODEC_RATE_HZ)
    parts: list[npt.NDArray[Any]] = []
    try:
        with av.open(str(path)) as file:
            for frame in file.decode(audio=0):
                parts += [np.asarray(piece.to_ndarray()).reshape(-1) for piece in resampler.resample(frame)]
            parts += [np.asarray(piece.to_ndarray()).reshape(-1) for piece in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise CorpusError(f"{path} cannot be decoded: {error}") from error
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)


@torch.inference_mode()
def _encoded(codec: Any, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """(T, K). In stretches of a minute, which costs a seam of some frames at each."""
    size = 60 * CODEC_RATE_HZ
    parts = []
    for start in range(0, len(sound), size):
        piece = torch.from_numpy(sound[start : start + size])[None, None]
        if piece.shape[-1] >= CODEC_RATE_HZ // FRAME_RATE_HZ:
            parts.append(codec.encode(piece).audio_codes[0, 0].T.cpu().numpy())
    return np.concatenate(parts)
