"""The work behind `narrascore compose`: a piece into files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from composer.affect_curve import AffectCurve
from composer.midi import MidiFile
from composer.offline import Player, compose
from composer.piano_roll import PianoRoll
from composer.played import Begun, Sounded
from composer.presets import SECTIONS
from composer.score import SAMPLE_RATE_HZ
from stream.cli.sheet import COLUMNS, draw
from stream.outputs import OutputError, check_place, whole
from stream.sound.spectrogram import Spectrogram
from stream.sound.wav_file import LONGEST_S, WavFile


class Piece(NamedTuple):
    """What to compose."""

    anchor: str
    seed: int
    curve: AffectCurve
    seconds: float
    fade_s: float


class Files(NamedTuple):
    """Where to write it; None is not wanted."""

    wav: Path
    midi: Path | None = None
    stems: Path | None = None
    plot: Path | None = None


def check_files(files: Files, seconds: float, force: bool) -> None:
    """Whether `files` can be written, before any work is done. `force` lets them replace what is there.

    Raises:
        OutputError: another kind of file is wanted, the piece is too long for one, a library is missing,
            something is there already, or nothing can be written there.
    """
    for path, suffix in ((files.wav, ".wav"), (files.midi, ".mid"), (files.plot, ".png")):
        if path is not None and path.suffix.lower() != suffix:
            raise OutputError(f"{path.name}: this file's name must end in {suffix}.")
    if seconds > LONGEST_S:
        raise OutputError(f"A WAV file holds at most {LONGEST_S} s; {seconds:g} were asked for.")
    if files.stems is not None and files.stems.exists() and not files.stems.is_dir():
        raise OutputError(f"{files.stems} is a file; --stems wants a folder.")
    stems = [] if files.stems is None else [files.stems / f"{section}.wav" for section in SECTIONS]
    if files.wav.resolve() in {stem.resolve() for stem in stems}:
        raise OutputError(f"{files.wav} is also the name of a stem: choose another name or folder.")
    if files.plot is not None and find_spec("matplotlib") is None:
        raise OutputError("--plot needs matplotlib: pip install 'narrascore-live[demo]' brings it.")
    for path in (files.wav, files.midi, files.plot, *stems):
        if path is not None:
            check_place(path, force)


def write_piece(
    piece: Piece, files: Files, progress: Callable[[float], None], player: Player | None = None
) -> None:
    """Compose `piece` and write `files`, all of them or none. `progress` is told the share that is done.

    Raises:
        ComposerError: the anchor or the weights cannot be used.
        OSError: a file cannot be written.
    """
    samples = round(piece.seconds * SAMPLE_RATE_HZ)
    roll = PianoRoll() if files.plot is not None else None
    picture = Spectrogram(samples, COLUMNS) if files.plot is not None else None
    with ExitStack() as stack:
        out = stack.enter_context(WavFile(stack.enter_context(whole(files.wav))))
        midi: MidiFile | None = None
        if files.midi is not None:
            name = f"{piece.anchor}, seed {piece.seed}"
            midi = stack.enter_context(MidiFile(stack.enter_context(whole(files.midi)), name))
        stems: list[WavFile] = []
        if files.stems is not None:
            for section in SECTIONS:
                path = stack.enter_context(whole(files.stems / f"{section}.wav"))
                stems.append(stack.enter_context(WavFile(path, "float")))

        def played(event: Begun | Sounded) -> None:
            for listener in (midi, roll):
                if listener is not None:
                    listener.add(event)

        parts = compose(
            piece.anchor,
            piece.seed,
            piece.curve,
            samples,
            played=None if midi is None and roll is None else played,
            stems=bool(stems),
            fade_s=piece.fade_s,
            player=player,
        )
        done = 0
        with closing(parts):
            for part in parts:
                out.write(part.pcm)
                if picture is not None:
                    picture.add(part.pcm)
                if part.stems is not None:
                    for file, stem in zip(stems, part.stems, strict=True):
                        file.write(stem)
                done += len(part.pcm)
                progress(done / samples)
        if midi is not None:
            midi.close(samples)
        if files.plot is not None and roll is not None and picture is not None:
            roll.finish(samples)
            draw(stack.enter_context(whole(files.plot)), piece.curve, roll, picture, piece.seconds)
