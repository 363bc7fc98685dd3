"""Options of the slow reading by a vision-language model, and how it lives beside the service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from stream.cli.terminal import fail

if TYPE_CHECKING:
    from sensor.vlm.host import SlowReading
    from stream.session.sessions import Companion, Sessions

VlmOption = Annotated[
    str,
    typer.Option(
        help="A vision-language model that reads the story: a folder, or a hub id with --vlm-revision. "
        "Families video_llama_3, smolvlm, qwen3_vl; needs the extra `vlm` and, in practice, a GPU."
    ),
]
RevisionOption = Annotated[
    str, typer.Option("--vlm-revision", help="The commit of a hub id, 40 hexadecimal digits.")
]
DeviceOption = Annotated[str, typer.Option("--vlm-device", help="auto, cpu, cuda, cuda:N or mps.")]
DtypeOption = Annotated[str, typer.Option("--vlm-dtype", help="auto, float32, float16 or bfloat16.")]
DownloadOption = Annotated[
    bool, typer.Option("--vlm-download", help="Fetch a hub id that is not on this machine. Gigabytes.")
]
VlmProbeOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a probe made by `narrascore train vlm-probe`. Without it, the model rates by itself."
    ),
]
VlmAnchorOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        help="Seconds of picture after which the model writes the anchor, unless one is given; 0: never.",
    ),
]


class Story(NamedTuple):
    """What was asked for; an empty `name` is nothing."""

    name: str = ""
    revision: str = ""
    device: str = "auto"
    dtype: str = "auto"
    download: bool = False
    probe: Path | None = None
    anchor_after_s: float = 0.0


def slow_reading(story: Story) -> SlowReading | None:
    """The slow reading, not yet started, or None. Ends the command with a sentence when it cannot be."""
    if not story.name:
        if story.probe is not None or story.revision or story.download:
            raise fail("--vlm names the model that the other --vlm options are about.")
        return None
    from sensor.errors import SensorError
    from sensor.vlm.card import read_card
    from sensor.vlm.host import SlowReading
    from sensor.vlm.source import fingerprint

    folder = located(*story[:5])
    try:
        if story.probe is not None:
            read_card(story.probe, fingerprint(folder))
    except SensorError as error:
        raise fail(str(error)) from error
    return SlowReading(folder, story.device, story.dtype, story.probe, anchor_after_s=story.anchor_after_s)


def located(name: str, revision: str, device: str, dtype: str, download: bool) -> Path:
    """The folder of a model. Ends the command with a sentence when it is not there."""
    from sensor.errors import SensorError
    from sensor.vlm.source import Source, locate

    source = Source(name, revision, device, dtype, download)
    try:
        return locate(source)
    except SensorError as error:
        raise fail(str(error)) from error


def beside(slow: SlowReading) -> Companion:
    """Starts the process with the service and ends it with it."""

    async def keep(sessions: Sessions) -> None:
        slow.start()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(slow.close)  # a process to be joined: not on the loop

    return keep
