"""Commands that work on files: sense, compose, score."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.terminal import VerboseOption, console, fail, log_to_console, say_anchor

SeedOption = Annotated[
    int, typer.Option(min=0, max=2**31 - 1, help="The same seed and inputs give the same music.")
]
FadeOption = Annotated[float, typer.Option(min=0.0, max=60.0, help="Seconds of fade at the end.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what exists already.")]


def sense(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, clips, or folders of them.")],
    csv: Annotated[Path | None, typer.Option(help="Write the rows here, in place of what is there.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve here (PNG), likewise.")] = None,
    preset: Annotated[str, typer.Option(help="calm, balanced or reactive.")] = "balanced",
    verbose: VerboseOption = False,
) -> None:
    """Read valence and arousal from files: one raw reading of a still, a smoothed curve of a clip."""
    log_to_console(verbose)
    from rich.progress import Progress

    from sensor.errors import SensorError
    from sensor.live import create_eye
    from sensor.sense import sense as work
    from sensor.sense import write_rows
    from sensor.sense_plot import check_plot
    from sensor.sense_plot import plot as draw

    if csv is None and sys.stdout is None:
        raise fail("There is no standard output to write the rows to: give --csv a place for them.")
    try:
        if plot is not None:
            check_plot(plot, paths)
        with Progress(console=console) as progress:
            bar = progress.add_task("sensing", total=1.0)
            found = work(paths, create_eye(), preset, csv, lambda done: progress.update(bar, completed=done))
        if plot is not None:
            draw(found, plot)
    except SensorError as error:
        raise fail(str(error)) from error
    if csv is not None:
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file need not be text
    try:
        write_rows(sys.stdout, found)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever reads has seen enough: typer ends quietly
    except OSError as error:
        raise fail(f"the rows cannot be written ({error.strerror}): give --csv a place for them.") from error


def compose(
    anchor: Annotated[str, typer.Option(help="Style: a preset's name or free text.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The music: 48 kHz stereo, 24 bits, .wav.")],
    valence: Annotated[
        float | None, typer.Option(help="From -1 (dark) to 1 (bright); 0 if left out.")
    ] = None,
    arousal: Annotated[float | None, typer.Option(help="From -1 (calm) to 1 (wild); 0 if left out.")] = None,
    affect: Annotated[
        Path | None, typer.Option(help="A curve instead: CSV with columns t_s,valence,arousal.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="How long; a curve's own length, or 60, if left out.")
    ] = None,
    seed: SeedOption = 0,
    fade: FadeOption = 1.0,
    midi: Annotated[Path | None, typer.Option(help="Also what was played, as a MIDI file.")] = None,
    stems: Annotated[
        Path | None,
        typer.Option(help="Folder for lead, harmony, bass and drums, before the bus (float WAV)."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Also affect, piano roll and spectrogram (PNG).")] = None,
    force: ForceOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compose a piece into a file, faster than it sounds."""
    log_to_console(verbose)
    import time

    from composer.affect_curve import constant, read_curve
    from composer.errors import ComposerError
    from stream.cli.composing import Files, Piece, check_files, write_piece
    from stream.cli.terminal import progress_bar, say_speed
    from stream.errors import StreamError
    from stream.outputs import cannot_write, ended_by_signals

    if affect is not None and (valence is not None or arousal is not None):
        raise fail("Give either --affect or --valence and --arousal, not both.")
    try:
        curve = read_curve(affect) if affect is not None else constant(valence or 0.0, arousal or 0.0)
        if seconds is None:
            # A reading of one picture is a curve that has no length.
            seconds = curve.end_s if curve.end_s >= 0.1 else 60.0
        files = Files(out, midi, stems, plot)
        check_files(files, seconds, force)
        say_anchor(anchor)
        for remark in curve.remarks:
            console.print(remark, style="yellow", highlight=False, markup=False)
        if affect is not None and curve.end_s < seconds - 0.5:
            held = f"The curve ends at {curve.end_s:.1f} s; its last value is held from there."
            console.print(held, style="yellow", highlight=False)
        began = time.monotonic()
        with ended_by_signals(), progress_bar("composing") as step:
            write_piece(Piece(anchor, seed, curve, seconds, min(fade, seconds)), files, step)
        say_speed(out, seconds, time.monotonic() - began)
    except (ComposerError, StreamError) as error:
        raise fail(str(error)) from error
    except OSError as error:
        raise fail(cannot_write(out, error)) from error


def score(
    video: Annotated[Path, typer.Argument(help="The video to score.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The scored video: .mp4, .mov, .mkv or .webm.")],
    anchor: Annotated[str, typer.Option(help="Style: a preset's name or free text.")] = "cinematic",
    seed: SeedOption = 0,
    reactivity: Annotated[
        str, typer.Option(help="How fast affect follows: calm, balanced or reactive.")
    ] = "balanced",
    keep_audio: Annotated[bool, typer.Option("--keep-audio", help="Mix with the video's own sound.")] = False,
    duck: Annotated[
        bool, typer.Option("--duck", help="Turn the music down under speech; keeps the video's own sound.")
    ] = False,
    music_db: Annotated[
        float, typer.Option(min=-40.0, max=12.0, help="Level of the music beside the video's own sound.")
    ] = 0.0,
    fade: FadeOption = 1.0,
    force: ForceOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Give a video its music: its picture is copied as it is, the sound is composed from what is seen."""
    log_to_console(verbose)
    import time

    from composer.errors import ComposerError
    from sensor.errors import SensorError
    from sensor.live import create_eye
    from sensor.window import AffectWindow
    from stream.cli.scoring import Order, check, sensed_curve, write_scored
    from stream.cli.terminal import progress_bar, say_speed
    from stream.errors import StreamError
    from stream.outputs import cannot_write, ended_by_signals

    order = Order(video, out, anchor, seed, reactivity, keep_audio or duck, duck, music_db, fade)
    try:
        AffectWindow(reactivity)  # an unknown name is refused before any work
        clip = check(order, force)
        say_anchor(anchor)
        if order.keep_audio and not clip.has_sound:
            console.print("The video has no sound of its own: there will be music only.", style="yellow")
        began = time.monotonic()
        with progress_bar("sensing") as step:
            curve = sensed_curve(video, create_eye(), reactivity, step)
        with ended_by_signals(), progress_bar("composing") as step:
            write_scored(order, clip, curve, step)
        say_speed(out, clip.length_s, time.monotonic() - began)
    except (ComposerError, SensorError, StreamError) as error:
        raise fail(str(error)) from error
    except OSError as error:
        raise fail(cannot_write(out, error)) from error
