"""What `narrascore serve` has beside its peers: a picture from a file or from OBS, sound on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream.cli.terminal import fail

if TYPE_CHECKING:
    from stream.session.sessions import Companion

SourceOption = Annotated[
    str, typer.Option(help="A video file or the address of one, shown again and again as the picture.")
]
ObsOption = Annotated[
    str, typer.Option(help="OBS's WebSocket server, as ws://127.0.0.1:4455: its program is the picture.")
]
ObsPasswordOption = Annotated[
    str,
    typer.Option(
        envvar="NARRASCORE_OBS_PASSWORD",
        help="Its password; better in the environment variable, since `ps` shows options.",
    ),
]
RecordOption = Annotated[
    str,
    typer.Option(
        help="Record every session from its first sound into this folder; without it, the studio page's "
        "button records into ./recordings."
    ),
]
PlayOption = Annotated[
    str | None,
    typer.Option(help="Play on this machine: a device's name or part of it, or `default`. See `devices`."),
]


def devices() -> None:
    """List the sound devices of this machine, for `serve --play`."""
    from stream.beside import speakers

    out = Console(soft_wrap=True)
    try:
        found = speakers.outputs(speakers.sound_device())
    except speakers.SpeakersError as error:
        raise fail(f"{error}.") from error
    if not found:
        raise fail("this machine has no sound device that plays.")
    for device in found:
        mark = "*" if device.is_default else " "
        out.print(f"{mark} {device.name}  ({device.channels} channels)", highlight=False, markup=False)
    out.print("* is the default.", style="dim")


def company(source: str, obs: str, obs_password: str, play: str | None) -> list[Companion]:
    """Everything that was asked for. Ends the command with a sentence when some of it cannot be."""
    from stream import clock
    from stream.beside.file_source import check, file_source
    from stream.beside.obs_feed import obs_feed

    if source and obs:
        raise fail("one picture at a time: give --source or --obs, not both.")
    found: list[Companion] = []
    if source:
        from stream.beside.clips import ClipError

        if Path(source).is_file():  # or `12:30.mp4` would be an address of the protocol 12
            source = str(Path(source).absolute())
        try:
            check(source)
        except ClipError as error:
            raise fail(str(error)) from error
        found.append(file_source(source, clock.monotonic))
    if obs:
        if not obs.startswith(("ws://", "wss://")):
            raise fail("--obs takes the address of OBS's WebSocket server: ws://127.0.0.1:4455.")
        found.append(obs_feed(obs, obs_password, clock.monotonic))
    if play is not None:
        from stream.beside import speakers

        try:
            name = "" if play == "default" else play
            found.append(speakers.speakers(speakers.sound_device(), name))
        except speakers.SpeakersError as error:
            raise fail(f"{error}.") from error
    return found
