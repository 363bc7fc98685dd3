"""Affect of a recording: read from a table in DEAM's layout, or computed from the sound itself, per second.

arousal: loudness, spectral flux and brightness (Gabrielsson & Lindstrom 2010; Eerola et al. 2013).
valence: mode, as the lead of the best major over the best minor key of the chroma (Krumhansl & Kessler 1982),
with brightness. Both are measured against the corpus they are computed over, so they order its seconds and
mean nothing beside another corpus's.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from composer.errors import CorpusError
from composer.labels import key_strengths

Array = npt.NDArray[np.float64]

FRAME = 4096
HOP = 2048
_LOW_HZ, _HIGH_HZ = 55.0, 2000.0


def features(sound: npt.NDArray[np.float32], rate_hz: int) -> Array:
    """Loudness (dB), flux, brightness (log2 Hz) and mode lead of each second of mono sound: (S, 4)."""
    frames = max(1, (len(sound) - FRAME) // HOP + 1)
    padded = np.pad(sound, (0, max(0, FRAME - len(sound))))
    view = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP][:frames]
    spectra = np.abs(np.fft.rfft(view * np.hanning(FRAME), axis=1))
    hz = np.fft.rfftfreq(FRAME, 1.0 / rate_hz)
    power = spectra**2
    whole = power.sum(axis=1) + 1e-12
    compressed = np.log1p(spectra)
    flux = np.maximum(np.diff(compressed, axis=0, prepend=compressed[:1]), 0.0).mean(axis=1)
    bright = np.log2(np.maximum((power @ hz) / whole, 30.0))
    tonal = (hz >= _LOW_HZ) & (hz <= _HIGH_HZ)
    classes = (
        np.rint(12.0 * np.log2(hz[tonal] / 440.0)).astype(int) % 12
    )  # 0 is A: only the mode is asked for
    chroma = np.zeros((len(spectra), 12))
    for pitch in range(12):
        chroma[:, pitch] = spectra[:, tonal][:, classes == pitch].sum(axis=1)
    second = (np.arange(len(spectra)) * HOP / rate_hz).astype(int)
    seconds = int(second[-1]) + 1
    rows = np.zeros((seconds, 4))
    for s in range(seconds):
        near = second == s
        wide = np.abs(second - s) <= 2  # a key takes longer than a second to hear
        strengths = key_strengths(chroma[wide].sum(axis=0))
        lead = strengths[0::2].max() - strengths[1::2].max()
        rows[s] = 10.0 * np.log10(whole[near].mean()), flux[near].mean(), bright[near].mean(), lead
    return rows


def computed(corpus: list[Array]) -> list[Array]:
    """(valence, arousal) of each second, each (S, 2) in (-1, 1), from the `features` of all recordings."""
    every = np.concatenate(corpus)
    mean, deviation = every.mean(axis=0), np.maximum(every.std(axis=0), 1e-6)
    labels = []
    for rows in corpus:
        loud, flux, bright, lead = ((rows - mean) / deviation).T
        arousal = np.tanh(0.6 * (loud + 0.7 * flux + 0.5 * bright))
        valence = np.tanh(0.6 * (lead + 0.4 * bright))
        labels.append(np.stack([valence, arousal], axis=1))
    return labels


def read_table(path: Path) -> dict[str, tuple[Array, Array]]:
    """Labels by recording: times in seconds (n,) and (valence, arousal) (n, 2), clipped to [-1, 1].

    `path` is DEAM's folder of `valence.csv` and `arousal.csv` (rows of `song_id, sample_15000ms, ...`), one
    of these files, or one CSV with the columns song_id, t_s, valence, arousal.

    Raises CorpusError when it is none of these.
    """
    if path.is_dir() or path.name in ("valence.csv", "arousal.csv"):
        folder = path if path.is_dir() else path.parent
        axes = [_deam(folder / f"{axis}.csv") for axis in ("valence", "arousal")]
        table = {}
        for song in axes[0].keys() & axes[1].keys():
            times = sorted(axes[0][song].keys() & axes[1][song].keys())
            values = np.array([[axis[song][t] for axis in axes] for t in times])
            table[song] = np.array(times), np.clip(values, -1.0, 1.0)
        return table
    long: dict[str, list[tuple[float, float, float]]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                entry = float(row["t_s"]), float(row["valence"]), float(row["arousal"])
                long.setdefault(row["song_id"], []).append(entry)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise CorpusError(
            f"{path} cannot be read: the columns song_id, t_s, valence, arousal were expected ({error})."
        ) from error
    rows = {song: np.array(sorted(entries)) for song, entries in long.items()}
    return {song: (row[:, 0], np.clip(row[:, 1:], -1.0, 1.0)) for song, row in rows.items()}


def _deam(path: Path) -> dict[str, dict[float, float]]:
    table: dict[str, dict[float, float]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows)]
            times = [float(name.removeprefix("sample_").removesuffix("ms")) / 1000.0 for name in header[1:]]
            for song, *values in rows:
                known = zip(times, values, strict=False)
                table[song.strip()] = {t: float(v) for t, v in known if v.strip()}
    except (OSError, StopIteration, ValueError) as error:
        raise CorpusError(f"{path} is not in DEAM's layout: {error}") from error
    return table
