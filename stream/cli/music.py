"""Who makes the music: the options that say so, and what the service needs to know of each composer."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from stream.cli.terminal import console, fail

if TYPE_CHECKING:
    from composer.musicgen.loading import Options
    from stream.composing.offer import Offer
    from stream.ports import AnchorReply
    from stream.settings import Settings

ComposerOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Who makes the music: symbolic, musicgen (needs the extra `musicgen`, and a GPU or two cores to "
        "itself) or ws://HOST:PORT of a `narrascore composer`. May be repeated: the first begins, the page "
        "offers all."
    ),
]
ComposerTokenOption = Annotated[
    str,
    typer.Option(envvar="NARRASCORE_COMPOSER_TOKEN", help="Token of the composers at ws:// addresses."),
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

WARM_ANCHOR = "NARRASCORE_WARM_ANCHOR"
"""In the environment: the anchor whose instruments `stream.cli.warm` makes for all composers."""
DEFAULT_MODEL = "facebook/musicgen-small"
MUSICGEN_RING_MS = 240
"""Twelve steps. One that is late must not be heard, nor two in a row; the symbolic composer needs less."""
REMOTE_RING_MS = 240
"""A network has its own moods."""
REMOTE_START_S = 120.0
"""Longer than a composer elsewhere is tried again, so that it is that which gives up, with its reason."""
ELSEWHERE = ("ws://", "wss://")


class MusicGenChoice(NamedTuple):
    """What the options say of MusicGen; `bits` is 8 or 4."""

    model: str
    download: bool
    adapter: Path | None
    guidance: float
    bits: int

    @property
    def named(self) -> bool:
        return bool(self.model) or self.download or self.adapter is not None


def offers(composers: Sequence[str], musicgen: MusicGenChoice, token: str = "") -> list[Offer]:
    """The composers a session may choose, ready to be started in processes; the first begins.

    The shipped one is always among them. Ends the command with a sentence when one cannot be had.
    """
    names = list(dict.fromkeys(composers)) or ["symbolic"]
    for name in names:
        if name not in ("symbolic", "musicgen") and not name.startswith(ELSEWHERE):
            raise fail(f"--composer is symbolic, musicgen or ws://HOST:PORT, not {name}.")
    if musicgen.named and "musicgen" not in names:
        names.append("musicgen")
    if "symbolic" not in names:
        names.append("symbolic")

    def offer(name: str) -> Offer:
        if name == "symbolic":
            return symbolic()
        return of_musicgen(musicgen) if name == "musicgen" else elsewhere(name, token)

    return [offer(name) for name in names]


def symbolic() -> Offer:
    """The shipped composer. Raises WeightsError before a process could fail with it, out of sight."""
    from composer.weights import playable, read, read_card
    from stream.cli.telling import create, open_notes
    from stream.composing.offer import Offer

    playable(read())
    card = read_card()
    told = {key: card.get(key) for key in ("name", "licence", "files", "data", "training")}
    licence = f"{card['licence']}; trained on public-domain scores (CC0)"
    return Offer(
        "symbolic",
        "Symbolic (built in)",
        licence,
        create,
        read_anchor,
        told,
        open_notes,
        modules=("stream.cli.__main__", "stream.cli.warm"),
    )


def of_musicgen(choice: MusicGenChoice) -> Offer:
    """MusicGen, converted. Ends the command with a sentence when it cannot be played here."""
    from composer.musicgen.factory import MusicGenFactory
    from composer.musicgen.loading import LICENCE
    from stream.composing.offer import Offer

    options, name = prepared(*choice)
    console.print(f"{name}: {LICENCE}.", style="yellow", highlight=False)
    title = f"MusicGen: {name}"
    return Offer(
        "musicgen",
        title,
        LICENCE,
        MusicGenFactory(options),
        read_prompt,
        {"name": title, "licence": LICENCE},
        ring_ms=MUSICGEN_RING_MS,
        warm=0,  # a spare would load beside the music, and take as much memory again
        start_timeout_s=300.0,
        hang_s=5.0,
    )


def elsewhere(url: str, token: str) -> Offer:
    """The composer that answers at `url`. Ends the command with a sentence when none does."""
    from composer.errors import ComposerError
    from composer.remote.client import RemoteFactory
    from composer.remote.line import Remote, look
    from stream.composing.offer import Offer

    remote = Remote(url, token)
    try:
        there = look(remote)
    except ComposerError as error:
        raise fail(str(error)) from error
    console.print(f"{there.name} at {remote.place}: {there.licence}.", style="yellow", highlight=False)
    return Offer(
        remote.place,
        f"{there.name}, at {remote.place}",
        there.licence,
        RemoteFactory(remote),
        read_anchor if there.engine == "symbolic" else read_prompt,
        {"name": there.name, "licence": there.licence, "at": remote.place},
        ring_ms=REMOTE_RING_MS,
        start_timeout_s=REMOTE_START_S,
        hang_s=5.0,
    )


def prepared(
    model: str, download: bool, adapter: Path | None, guidance: float, bits: int
) -> tuple[Options, str]:
    """MusicGen's options once it is fetched and converted, and the name of what will play.

    Ends the command with a sentence when it cannot be played here.
    """
    if bits not in (4, 8):
        raise fail("--musicgen-bits is 8 or 4.")
    from composer.errors import ComposerError
    from composer.musicgen.geometry import Manner
    from composer.musicgen.loading import Options

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
    # What was fetched now is not asked for again by every composer process.
    return replace(options, download=False), name


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


def read_anchor(text: str) -> AnchorReply:
    """The symbolic composer's reading of an anchor, in the stream's words. Raises ValueError likewise."""
    from composer.anchor import read_anchor as read
    from stream.ports import AnchorReply

    anchor = read(text)
    return AnchorReply(
        anchor.preset_name,
        anchor.genre,
        anchor.instrumentation,
        anchor.atmosphere,
        anchor.pacing,
        anchor.understood,
        anchor.ignored,
    )


def settings_for(offers: Sequence[Offer], settings: Settings) -> Settings:
    """A model holds real time for one piece at most, and a composer elsewhere plays one."""
    if [one.name for one in offers] == ["symbolic"]:
        return settings
    return replace(settings, max_sessions=1)
