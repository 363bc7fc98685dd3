"""The synthesiser alone, on scripted beats: cost, worst block, level and how they follow arousal.

    python -m bench.sound            # every preset
    python -m bench.sound --json build/sound.json

Scripted beats, so that the figures do not depend on the token model: four quarters of a I vi IV V progression
with two melody notes a quarter, plus a stress with every voice of the pool sounding.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import track

from bench.report import Figure, above, below, machine, save, show
from composer.performer import Performer
from composer.presets import PRESETS, Preset
from composer.rack import VOICES
from composer.score import BASS, LEAD, MIDDLE, SAMPLE_RATE_HZ, TICK_SAMPLES, UPPER, Beat, Note, Strike
from composer.synth import Synth

_RUNS = ((-0.8, 10.0), (0.0, 10.0), (0.8, 24.0))
"""(arousal, seconds rendered)"""
_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))


class Run(NamedTuple):
    """What came out: PCM (n, 2), processor seconds of each tick, strikes played."""

    pcm: npt.NDArray[np.float32]
    ticks_s: npt.NDArray[np.float64]
    strikes: int


def beats(preset: Preset) -> Iterator[Beat]:
    """Without end: the progression, once round in four bars."""
    quarters = preset.bar_steps // 12
    index = 0
    while True:
        bar, quarter = divmod(index, quarters)
        chord = _CHORDS[bar % len(_CHORDS)]
        notes = [Note(6 * k, 6, 72 + chord[(quarter + k) % 3], LEAD) for k in range(2)]
        notes += [Note(0, 12, 60 + chord[k], UPPER) for k in (1, 2)]
        notes += [Note(6 * k, 6, 60 + chord[0], MIDDLE) for k in range(2)]
        if quarter == 0:
            notes.append(Note(0, preset.bar_steps, 36 + chord[0], BASS))
        yield Beat(bar, 12 * quarter, 12, preset.bar_steps, 0, False, tuple(notes))
        index += 1


def play(preset: Preset, arousal: float, seconds: float) -> Run:
    """Render the progression at valence 0 and constant arousal."""
    performer, synth, score = Performer(preset, 1), Synth(preset, 1, warm=False), beats(preset)
    synth.express(0.0, arousal)
    at, strikes, blocks, costs = 0, 0, [], []
    for _ in range(int(seconds * SAMPLE_RATE_HZ / TICK_SAMPLES)):
        while at <= synth.now + 2 * TICK_SAMPLES:
            played = performer.perform(next(score), 0.0, arousal, at)
            synth.schedule(played.strikes)
            at += played.length_samples
            strikes += len(played.strikes)
        began = time.process_time()
        blocks.append(synth.render_tick())
        costs.append(time.process_time() - began)
    synth.close()
    return Run(np.concatenate(blocks), np.array(costs), strikes)


def stress_cost() -> npt.NDArray[np.float64]:
    """Processor seconds of each tick with every voice of the pool sounding."""
    synth = Synth(PRESETS["cinematic"], 1, warm=False)
    for section, patch in (("lead", "violin"), ("harmony", "strings"), ("bass", "cello")):
        synth.schedule(
            Strike(0, f"{patch}@{section}", 48 + k, 0.3, 60 * SAMPLE_RATE_HZ) for k in range(VOICES[section])
        )
    costs = []
    for k in range(800):
        synth.schedule([Strike(synth.now, "cymbal@drums", 36, 0.1, 9600)] if k % 20 == 0 else [])
        began = time.process_time()
        synth.render_tick()
        costs.append(time.process_time() - began)
    synth.close()
    return np.array(costs[100:])


def loudness_lufs(pcm: npt.NDArray[np.float32]) -> float:
    """Integrated loudness, ITU-R BS.1770-5: K-weighted, 400 ms blocks, gated at -70 LUFS and -10 LU.

    The two K filters are applied as frequency responses, which for a whole recording is the same thing.
    """
    spectrum = np.fft.rfft(pcm.astype(np.float64), axis=0)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(len(pcm)))
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1.0 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1.0 - 2.0 * z + z**2) / (1.0 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    weighted = np.fft.irfft(spectrum * (shelf * high_pass)[:, None], len(pcm), axis=0)
    total = np.concatenate([[0.0], np.cumsum((weighted**2).sum(axis=1))])
    block, hop = int(0.4 * SAMPLE_RATE_HZ), int(0.1 * SAMPLE_RATE_HZ)
    starts = np.arange(0, len(pcm) - block, hop)
    power = (total[starts + block] - total[starts]) / block
    power = power[power > 10.0 ** ((-70.0 + 0.691) / 10.0)]
    if not power.size:
        return -70.0
    return float(-0.691 + 10.0 * np.log10(power[power > 0.1 * power.mean()].mean()))


def true_peak_db(pcm: npt.NDArray[np.float32]) -> float:
    """Highest value between the samples, four-fold Fourier interpolation, dBTP."""
    spectrum = np.fft.rfft(pcm.astype(np.float64), axis=0)
    padded = np.zeros((2 * len(pcm) + 1, 2), dtype=np.complex128)
    padded[: len(spectrum)] = spectrum
    return float(20.0 * np.log10(4.0 * np.abs(np.fft.irfft(padded, 4 * len(pcm), axis=0)).max() + 1e-12))


def centroid_hz(pcm: npt.NDArray[np.float32]) -> float:
    """Mean spectral centroid of the magnitudes over frames of 4096."""
    frames = np.lib.stride_tricks.sliding_window_view(pcm.mean(axis=1), 4096)[::2048]
    magnitude = np.abs(np.fft.rfft(frames * np.hanning(4096), axis=1)).sum(axis=0)
    return float((np.fft.rfftfreq(4096, 1.0 / SAMPLE_RATE_HZ) * magnitude).sum() / magnitude.sum())


def run() -> list[Figure]:
    """Every figure of the sound alone."""
    console = Console(stderr=True)
    figures: list[Figure] = []
    per_tick = SAMPLE_RATE_HZ / TICK_SAMPLES
    for preset in track(PRESETS.values(), description="presets", console=console, transient=True):
        runs = {arousal: play(preset, arousal, seconds) for arousal, seconds in _RUNS}
        settled = {a: r.pcm[SAMPLE_RATE_HZ:] for a, r in runs.items()}
        loud = [loudness_lufs(x) for x in settled.values()]
        bright = [centroid_hz(x) for x in settled.values()]
        # Tones are rendered when first struck; the second half has them all.
        costs = runs[0.8].ticks_s[len(runs[0.8].ticks_s) // 2 :]
        figures += [
            Figure(
                f"{preset.name}: loudness at arousal 0",
                loud[1],
                "LUFS",
                "-20 +-2",
                abs(loud[1] + 20.0) <= 2.0,
            ),
            above(f"{preset.name}: louder from -0.8 to 0.8", loud[2] - loud[0], "LU", 5.0),
            above(f"{preset.name}: brighter from -0.8 to 0.8", bright[2] / bright[0], "times", 1.2),
            above(f"{preset.name}: more strikes", runs[0.8].strikes / runs[-0.8].strikes, "times", 1.2),
            below(f"{preset.name}: true peak at 0.8", true_peak_db(settled[0.8]), "dBTP", -1.0),
            below(f"{preset.name}: share of a core at 0.8", float(costs.mean() * per_tick), "core", 0.12),
            below(f"{preset.name}: p99 of a tick", float(1000.0 * np.percentile(costs, 99)), "ms", 5.0),
        ]
    stress = stress_cost()
    figures.append(below("every voice: share of a core", float(stress.mean() * per_tick), "core", 0.16))
    figures.append(below("every voice: p99 of a tick", float(1000.0 * np.percentile(stress, 99)), "ms", 5.0))
    return figures


def main(
    json_path: Annotated[Path | None, typer.Option("--json", help="also write the figures here")] = None,
) -> None:
    """Measure and print."""
    console = Console()
    figures = run()
    show(figures, console, f"sound, {machine()}")
    if json_path is not None:
        save(figures, json_path)


if __name__ == "__main__":
    typer.run(main)
