"""Options of the MusicGen composer, and what the service needs to know of it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from stream.cli.terminal import console, fail

if TYPE_CHECKING:
    from composer.musicgen.loading import Options
    from stream.ports import AnchorReply, ComposerFactory
    from stream.settings import Settings

ComposerOption = Annotated[
    Literal["symbolic", "musicgen"],
    typer.Option(help="Who makes the music. musicgen needs the extra `musicgen` and, in practice, a GPU."),
]
MusicGenOption = Annotated[
    str,
    typer.Option(
        help="MusicGen's weights: a folder, or a hub id, pinned as facebook/musicgen-small@COMMIT. "
        "Meta's are CC-BY-NC: not for commercial use."
    ),
]
MusicGenDownloadOption = Annotated[
    bool, typer.Option("--musicgen-download", help="Fetch a hub id that is not on this machine. Gigabytes.")
]
MusicGenAdapterOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder made by `narrascore train musicgen-adapter`. Without: directions in the model."
    ),
]
MusicGenGuidanceOption = Annotated[
    float, typer.Option(min=1.0, max=10.0, help="How closely the text is kept to; 1 is half the work.")
]
MusicGenBitsOption = Annotated[
    int, typer.Option(min=4, max=8, help="Weights on a processor: 8 bits, or 4, faster and worse.")
]

DEFAULT_MODEL = "facebook/musicgen-small"
RING_MS = 400
"""A token step that is late must not be heard; the symbolic composer needs less."""


class Musician(NamedTuple):
    """A composer other than the shipped one. `card` goes into recordings' provenance."""

    factory: ComposerFactory
    card: dict[str, Any]


def musician(
    composer: str, model: str, download: bool, adapter: Path | None, guidance: float, bits: int
) -> Musician | None:
    """The MusicGen composer, converted and ready to be started in processes; None for the symbolic one.

    Ends the command with a sentence when it cannot be played here.
    """
    if composer == "symbolic":
        if model or download or adapter is not None:
            raise fail("--composer musicgen is what the other --musicgen options are about.")
        return None
    if bits not in (4, 8):
        raise fail("--musicgen-bits is 8 or 4.")
    from composer.errors import ComposerError
    from composer.musicgen.factory import MusicGenFactory
    from composer.musicgen.geometry import Manner
    from composer.musicgen.loading import LICENCE, Options

    options = Options(
        model or DEFAULT_MODEL,
        download=download,
        bits=8 if bits == 8 else 4,
        manner=Manner(guidance=guidance),
        adapter=adapter,
    )
    try:
        with console.status("preparing MusicGen"):
            name = _prepared(options)
    except ComposerError as error:
        raise fail(str(error)) from error
    console.print(f"{name}: {LICENCE}.", style="yellow", highlight=False)
    # What was fetched now is not asked for again by every composer process.
    card = {"name": f"MusicGen: {name}", "licence": LICENCE}
    return Musician(MusicGenFactory(replace(options, download=False)), card)


def _prepared(options: Options) -> str:
    """Convert and measure in a process of its own: gigabytes that the service need not keep."""
    from composer.musicgen.factory import prepare

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as worker:
        return worker.submit(prepare, options).result()


def read_prompt(text: str) -> AnchorReply:
    """An anchor as MusicGen takes it: every word of it. Raises ValueError with a sentence for the user."""
    from composer.anchor import read_anchor
    from composer.musicgen.prompts import prompt_of
    from composer.presets import PRESETS
    from stream.ports import AnchorReply

    prompt = prompt_of(text)
    name = " ".join(text.split()).lower()
    if name in PRESETS:
        fields = read_anchor(name)
        four = fields.genre, fields.instrumentation, fields.atmosphere, fields.pacing
        return AnchorReply(name, *four, (name,), ())
    return AnchorReply("", prompt, "", "", "", (prompt,), ())


def settings_for(musician: Musician | None, settings: Settings) -> Settings:
    """A model takes longer to start and to step, and only one piece holds real time on a processor."""
    if musician is None:
        return settings
    return replace(
        settings,
        ring_ms=RING_MS,
        max_sessions=1,
        warm_composers=0,  # a spare would load beside the music, and take as much memory again
        composer_start_timeout_s=300.0,
        composer_hang_s=5.0,
    )
