"""The gallery: every preset at the four corners of the plane, as piano rolls and spectrograms.

    python -m bench.gallery                     # docs/gallery/, about five minutes on one core
    python -m bench.gallery lofi --out build/   # one preset, elsewhere

A page beside the pictures says in figures what they show: tempo, notes a second, loudness, brightness, how
much melody, how low the bass, the longest hole and the longest note.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import track

from bench.sound import centroid_hz, loudness_lufs
from composer.affect_curve import constant
from composer.offline import compose
from composer.piano_roll import COLORS, PianoRoll
from composer.played import Begun, Sounded
from composer.presets import PRESETS
from composer.score import SAMPLE_RATE_HZ, STEPS_PER_QUARTER
from stream.sound.spectrogram import Levels, Spectrogram, show_levels

AFFECT = 0.8
SECONDS = 24
SEED = 1
CORNERS = ((-AFFECT, AFFECT), (AFFECT, AFFECT), (-AFFECT, -AFFECT), (AFFECT, -AFFECT))
"""(valence, arousal) as on the plane: tense and joyful above, sad and calm below."""
_COLUMNS = 480
_INK, _PAPER = "#d7dae0", "#14161b"
_MOST_BYTES = 480_000


class Corner(NamedTuple):
    """One corner: what was played and what it sounds like."""

    valence: float
    arousal: float
    roll: PianoRoll
    levels: Levels
    tempo_bpm: float
    lufs: float
    centroid_hz: float

    @property
    def notes_hz(self) -> float:
        return len(self.roll.spans) / SECONDS

    @property
    def hole_s(self) -> float:
        """The longest time in which no note is held."""
        end, longest = 0.0, 0.0
        for start_s, end_s in sorted((span.start_s, span.end_s) for span in self.roll.spans):
            longest = max(longest, start_s - end)
            end = max(end, end_s)
        return max(longest, SECONDS - end)

    @property
    def longest_s(self) -> float:
        return max((span.end_s - span.start_s for span in self.roll.spans), default=0.0)

    @property
    def melody_share(self) -> float:
        """Share of the time in which the lead section holds a note."""
        frames = np.zeros(100 * SECONDS, dtype=bool)
        for span in self.roll.spans:
            if span.section == "lead":
                frames[int(100 * span.start_s) : int(100 * span.end_s) + 1] = True
        return float(frames.mean())

    @property
    def bass_pitch(self) -> float:
        """Mean MIDI pitch of the lowest note, each 100 ms in which any pitched note is held."""
        lowest = np.full(10 * SECONDS, 128)
        for span in self.roll.spans:
            if span.section != "drums":
                place = slice(int(10 * span.start_s), int(10 * span.end_s) + 1)
                lowest[place] = np.minimum(lowest[place], span.pitch)
        held = lowest[lowest < 128]
        return float(held.mean()) if held.size else 0.0


def play(preset: str, valence: float, arousal: float) -> Corner:
    """`SECONDS` of the preset at constant affect."""
    roll, samples = PianoRoll(), SECONDS * SAMPLE_RATE_HZ
    picture = Spectrogram(samples, _COLUMNS)
    quarters: list[float] = []

    def played(event: Begun | Sounded) -> None:
        roll.add(event)
        if isinstance(event, Begun):
            quarters.append(event.length_samples * STEPS_PER_QUARTER / event.steps)

    blocks: list[npt.NDArray[np.float32]] = []
    for part in compose(preset, SEED, constant(valence, arousal), samples, played=played):
        picture.add(part.pcm)
        blocks.append(part.pcm)
    roll.finish(samples)
    pcm = np.concatenate(blocks)
    tempo = 60.0 * SAMPLE_RATE_HZ / float(np.mean(quarters))
    return Corner(valence, arousal, roll, picture.levels(), tempo, loudness_lufs(pcm), centroid_hz(pcm))


def draw(preset: str, corners: list[Corner], path: Path) -> None:
    """One picture: the four corners where they lie on the plane, roll above spectrogram."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(14, 10), facecolor=_PAPER, layout="constrained")
    # One scale for all four: what is softer looks darker.
    peak = max(float(corner.levels.max()) for corner in corners)
    cells: Any = figure.subfigures(2, 2)
    for cell, corner in zip(cells.flat, corners, strict=True):
        cell.set_facecolor(_PAPER)
        upper, lower = cell.subplots(2, 1, sharex=True, height_ratios=(1.25, 1.0))
        _show(upper, lower, corner, peak)
    colors = ", ".join(COLORS)
    figure.suptitle(f"{preset}   ({colors}: yellow, blue, red, gray)", color=_INK, fontsize=12)
    _save(figure, path)
    pyplot.close(figure)


def _show(upper: Any, lower: Any, corner: Corner, peak: float) -> None:
    for axes in (upper, lower):
        axes.set_facecolor(_PAPER)
        axes.tick_params(colors=_INK, labelsize=8)
        axes.spines[:].set_visible(False)
    corner.roll.draw(upper, 0.0, SECONDS)
    show_levels(lower, corner.levels, SECONDS, peak)
    upper.set_title(
        f"valence {corner.valence:+.1f}, arousal {corner.arousal:+.1f}:  {corner.tempo_bpm:.0f} bpm, "
        f"{corner.notes_hz:.1f} notes/s, {corner.lufs:.1f} LUFS, {corner.centroid_hz:.0f} Hz",
        color=_INK,
        loc="left",
        fontsize=9,
    )


def _save(figure: Any, path: Path) -> None:
    """As few colors as do: a spectrogram in full color is half noise to a PNG."""
    from PIL import Image

    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=80, facecolor=_PAPER)
    raw.seek(0)
    with Image.open(raw) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > _MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size:,} bytes, more than {_MOST_BYTES:,}.")


def page(rows: list[tuple[str, Corner]]) -> str:
    """The page beside the pictures."""
    lines = [
        "# Gallery",
        "",
        f"Every preset at the four corners of the plane, seed {SEED}, {SECONDS} s each, made by",
        "`python -m bench.gallery`. In each picture valence grows to the right and arousal upwards; piano",
        "roll above, spectrogram below, all four on one scale of loudness. Longest hole: no note is held.",
        "",
        "| preset | valence | arousal | bpm | notes/s | LUFS | centroid, Hz | melody, % of time "
        "| lowest note, mean MIDI pitch | longest hole, s | longest note, s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for preset, corner in rows:
        lines.append(
            f"| {preset} | {corner.valence:+.1f} | {corner.arousal:+.1f} | {corner.tempo_bpm:.0f} "
            f"| {corner.notes_hz:.1f} | {corner.lufs:.1f} | {corner.centroid_hz:.0f} "
            f"| {100 * corner.melody_share:.0f} | {corner.bass_pitch:.0f} "
            f"| {corner.hole_s:.2f} | {corner.longest_s:.1f} |"
        )
    for preset in dict.fromkeys(preset for preset, _ in rows):
        lines += ["", f"## {preset}", "", f"![{preset}]({preset}.png)"]
    return "\n".join(lines) + "\n"


def main(
    presets: Annotated[list[str] | None, typer.Argument(help="Presets; default: all.")] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("docs/gallery"),
) -> None:
    """Compose, draw and describe."""
    unknown = set(presets or ()) - set(PRESETS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: presets are {', '.join(PRESETS)}")
    out.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, Corner]] = []
    jobs = [(name, v, a) for name in presets or PRESETS for v, a in CORNERS]
    for name, v, a in track(jobs, description="gallery", console=Console(stderr=True)):
        rows.append((name, play(name, v, a)))
        if len(rows) % len(CORNERS) == 0:
            draw(name, [corner for _, corner in rows[-len(CORNERS) :]], out / f"{name}.png")
    (out / "README.md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
