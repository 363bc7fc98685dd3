"""What a listener could measure in sound, frame by frame, while it is played.

    listener = Listener()
    listener.hear(block)            # float32 (n, 2), 48 kHz, any n
    sound = listener.sound()

Loudness is K-weighted (ITU-R BS.1770-5). Brightness is the spectral centroid of the magnitudes, onsets are
peaks of the rectified rise of log mel bands over two frames and the neighbor bands (spectral flux that
vibrato does not fool; Boeck & Widmer 2013), timbre is mel cepstra (Davis & Mermelstein 1980). Chroma and
roughness: see `bench.harmony`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bench import harmony
from composer.score import SAMPLE_RATE_HZ

Array = npt.NDArray[np.float64]
Block = npt.NDArray[np.float32]

HOP = 1024
_FRAME = 2048
HARMONY_HOP = 8192
_HARMONY_FRAME = 16_384
HOP_S = HOP / SAMPLE_RATE_HZ
HARMONY_HOP_S = HARMONY_HOP / SAMPLE_RATE_HZ
MEL_BANDS, CEPSTRA = 40, 13
_CHUNK = 10 * SAMPLE_RATE_HZ
_SETTLE = SAMPLE_RATE_HZ
"""Samples before a chunk that the K filters are run over, so that their memory is right at its start."""
_MEL_FLOOR = 1e-8
_RISE_FRAMES = 2


class Sound(NamedTuple):
    """Frames of `HOP` samples (F) and of `HARMONY_HOP` samples (G), each described from its first sample on.

    `power` (F,) K-weighted, summed over channels; `level` (F,) plain mean square of the louder channel;
    `centroid_hz` (F,), `flux` (F,) in dB, `cepstra` (F, CEPSTRA); `chroma` (G, 12), `roughness` (G,).
    """

    power: Array
    level: Array
    centroid_hz: Array
    flux: Array
    cepstra: Array
    chroma: Array
    roughness: Array

    def between(self, start_s: float, end_s: float) -> Sound:
        """The frames that begin in [start, end)."""
        fast = slice(math.ceil(start_s / HOP_S), math.ceil(end_s / HOP_S))
        slow = slice(math.ceil(start_s / HARMONY_HOP_S), math.ceil(end_s / HARMONY_HOP_S))
        return Sound(*(rows[fast] for rows in self[:5]), *(rows[slow] for rows in self[5:]))


def lufs(power: Array) -> float:
    """Loudness of K-weighted powers, not gated; -70 for silence."""
    return max(-0.691 + 10.0 * math.log10(float(power.mean()) + 1e-12), -70.0)


def onsets_s(flux: Array, rise_db: float = 0.5) -> Array:
    """Times of peaks of the flux: highest within 60 ms and `rise_db` over the mean of 0.2 s around."""
    if len(flux) < 11:
        return np.zeros(0)
    padded = np.pad(flux, 5, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 11)
    near = around[:, 2:9]
    return np.asarray(
        np.flatnonzero((flux >= near.max(axis=1)) & (flux > around.mean(axis=1) + rise_db)) * HOP_S
    )


def k_weighted(pcm: Array) -> Array:
    """(n, channels) through BS.1770's two filters, applied as frequency responses."""
    # A round length: of one with a large prime factor the transform takes several times as long.
    length = -(-len(pcm) // HARMONY_HOP) * HARMONY_HOP
    spectrum = np.fft.rfft(pcm, length, axis=0)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length))
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1.0 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1.0 - 2.0 * z + z**2) / (1.0 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.asarray(np.fft.irfft(spectrum * (shelf * high_pass)[:, None], length, axis=0)[: len(pcm)])


def _mel_filters() -> Array:
    """(bins, MEL_BANDS) triangles from 40 Hz to 12 kHz, each of sum 1."""
    edges_mel = np.linspace(
        2595 * math.log10(1 + 40 / 700), 2595 * math.log10(1 + 12_000 / 700), MEL_BANDS + 2
    )
    edges = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    hz = np.fft.rfftfreq(_FRAME, 1.0 / SAMPLE_RATE_HZ)[:, None]
    rise = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    bands = np.maximum(np.minimum(rise, fall), 0.0)
    return np.asarray(bands / np.maximum(bands.sum(axis=0), 1e-9))


def _cosines() -> Array:
    """(MEL_BANDS, CEPSTRA), the discrete cosine transform II, orthonormal."""
    n = np.arange(MEL_BANDS)[:, None] + 0.5
    table = np.cos(np.pi / MEL_BANDS * n * np.arange(CEPSTRA)) * math.sqrt(2.0 / MEL_BANDS)
    table[:, 0] *= math.sqrt(0.5)
    return np.asarray(table)


class Listener:
    """Hears a piece of any length in blocks of any size; keeps frames, never the samples."""

    def __init__(self) -> None:
        self._waiting: list[Block] = []
        self._count = 0
        self._tail: Block = np.zeros((0, 2), dtype=np.float32)
        self._before: Block = np.zeros((_SETTLE, 2), dtype=np.float32)
        self._rows: list[tuple[Array, ...]] = []
        self._slow_rows: list[tuple[Array, ...]] = []
        self._slow_tail: Array = np.zeros(0)
        self._last_db: Array = np.full((_RISE_FRAMES, MEL_BANDS), 10.0 * math.log10(_MEL_FLOOR))
        self._mel, self._cosines = _mel_filters(), _cosines()
        self._hz = np.fft.rfftfreq(_FRAME, 1.0 / SAMPLE_RATE_HZ)
        self._window = np.hanning(_FRAME)
        self._slow_window = np.hanning(_HARMONY_FRAME)

    def hear(self, block: Block) -> None:
        self._waiting.append(block)
        self._count += len(block)
        if self._count >= _CHUNK:
            self._digest()

    def sound(self) -> Sound:
        """Everything heard so far; frames not yet whole are left out."""
        if self._waiting:
            self._digest()
        if not self._rows or not self._slow_rows:
            raise ValueError("Less than one frame was heard: nothing can be said of it.")
        fast = [np.concatenate(column) for column in zip(*self._rows, strict=True)]
        slow = [np.concatenate(column) for column in zip(*self._slow_rows, strict=True)]
        return Sound(*fast, *slow)

    def _digest(self) -> None:
        fresh = np.concatenate(self._waiting)
        self._waiting, self._count = [], 0
        pcm = np.concatenate([self._tail, fresh])
        slow = np.concatenate([self._slow_tail, fresh.mean(axis=1).astype(np.float64)])
        frames = max((len(pcm) - _FRAME) // HOP + 1, 0)
        if frames:
            self._rows.append(self._fast(pcm, frames))
            done = frames * HOP
            self._before = np.concatenate([self._before, pcm[:done]])[-_SETTLE:]
            pcm = pcm[done:]
        self._tail = pcm
        frames = max((len(slow) - _HARMONY_FRAME) // HARMONY_HOP + 1, 0)
        if frames:
            views = np.lib.stride_tricks.sliding_window_view(slow, _HARMONY_FRAME)[::HARMONY_HOP]
            magnitude = np.abs(np.fft.rfft(views * self._slow_window, axis=1))
            found = harmony.peaks(magnitude, SAMPLE_RATE_HZ / _HARMONY_FRAME)
            heard = magnitude.max(axis=1) > 1e-4 * _HARMONY_FRAME / 4
            self._slow_rows.append(
                (harmony.chroma(found) * heard[:, None], np.where(heard, harmony.roughness(found), 0.0))
            )
        self._slow_tail = slow[frames * HARMONY_HOP :]

    def _fast(self, pcm: Block, frames: int) -> tuple[Array, ...]:
        whole = np.concatenate([self._before, pcm]).astype(np.float64)
        weighted = k_weighted(whole)[len(self._before) :][: frames * HOP]
        power = (weighted**2).sum(axis=1).reshape(frames, HOP).mean(axis=1)
        plain = pcm[: frames * HOP].astype(np.float64) ** 2
        level = plain.reshape(frames, HOP, 2).mean(axis=1).max(axis=1)
        mono = pcm.mean(axis=1).astype(np.float64)
        views = np.lib.stride_tricks.sliding_window_view(mono, _FRAME)[::HOP][:frames]
        magnitude = np.abs(np.fft.rfft(views * self._window, axis=1))
        centroid = (magnitude @ self._hz) / np.maximum(magnitude.sum(axis=1), 1e-9)
        mel_db = 10.0 * np.log10(np.maximum((magnitude / _FRAME) ** 2 @ self._mel, _MEL_FLOOR))
        known = np.concatenate([self._last_db, mel_db])
        self._last_db = known[-_RISE_FRAMES:]
        before = np.pad(known[:-_RISE_FRAMES], ((0, 0), (1, 1)), mode="edge")
        highest = np.maximum(np.maximum(before[:, :-2], before[:, 1:-1]), before[:, 2:])
        flux = np.maximum(mel_db - highest, 0.0).mean(axis=1)
        return power, level, centroid, flux, mel_db @ self._cosines
