"""Commands that make the shipped weights again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.music import DEFAULT_MODEL, MusicGenDownloadOption, MusicGenOption
from stream.cli.story import DeviceOption, DownloadOption, DtypeOption, RevisionOption, located
from stream.cli.terminal import console, fail, log_to_console


def probe(
    data: Annotated[Path, typer.Option(help="Folder with OASIS: ratings.csv and images.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """The affective probe on frozen vision features, from human ratings of photographs."""
    log_to_console(True)
    from sensor.errors import SensorError
    from sensor.train import train_probe as work

    def start() -> None:
        work(data, out, seed)

    _training(start, SensorError)


def vlm_probe(
    data: Annotated[Path, typer.Option(help="Folder with OASIS: ratings.csv and images.")],
    model: Annotated[str, typer.Option(help="A folder, or a hub id with --vlm-revision.")],
    revision: RevisionOption = "",
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    download: DownloadOption = False,
    out: Annotated[Path, typer.Option(help="Folder to write, for `serve --vlm-probe`.")] = Path("vlm-probe"),
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """The affective probe on a vision-language model's hidden states, from human ratings of photographs."""
    log_to_console(True)
    folder = located(model, revision, device, dtype, download)
    from rich.progress import Progress

    from sensor.errors import SensorError
    from sensor.vlm.train import train_vlm_probe as work

    def start() -> None:
        with Progress(console=console) as bar:
            task = bar.add_task("reading pictures", total=None)
            work(
                data,
                folder,
                out,
                seed,
                name=f"{model} {revision}".strip() if revision else folder.name,
                device=device,
                dtype=dtype,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )

    _training(start, SensorError)


def symbolic(
    data: Annotated[Path, typer.Option(help="Folder with OpenScore: lieder/ and quartets/.")],
    run: Annotated[Path, typer.Option(help="Checkpoints and logs; resumed when present.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 4,096 tokens in all.")] = 3000,
    seed: Annotated[int, typer.Option()] = 7,
    begin: Annotated[
        Path | None, typer.Option("--from", help="Folder of weights to begin with, instead of none.")
    ] = None,
) -> None:
    """The base decoder of the symbolic composer. Stop it whenever you like: the same command goes on."""
    log_to_console(True)
    from composer.errors import ComposerError
    from composer.shipping import ship_base

    _training(lambda: ship_base(data, run, out, steps, seed, begin), ComposerError)


def symbolic_adapter(
    data: Annotated[Path, typer.Option(help="Folder with OpenScore: lieder/ and quartets/.")],
    run: Annotated[Path, typer.Option(help="Checkpoints and logs; resumed when present.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 4,096 tokens in all.")] = 500,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """The affective adapter on the shipped base, which stays frozen."""
    log_to_console(True)
    from composer.errors import ComposerError
    from composer.shipping import ship_adapter

    _training(lambda: ship_adapter(data, run, out, steps, seed), ComposerError)


def musicgen_adapter(
    audio: Annotated[Path, typer.Option(help="Folder of recordings; vocals removed is better.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="DEAM's folder of valence.csv and arousal.csv, or a CSV of song_id, t_s, valence, arousal. "
            "Default: computed from the sound."
        ),
    ] = None,
    musicgen: MusicGenOption = DEFAULT_MODEL,
    musicgen_download: MusicGenDownloadOption = False,
    run: Annotated[Path, typer.Option(help="Tokens, checkpoints and logs; resumed when present.")] = Path(
        "runs/musicgen"
    ),
    out: Annotated[Path, typer.Option(help="Folder to write, for `serve --musicgen-adapter`.")] = Path(
        "musicgen-adapter"
    ),
    steps: Annotated[int, typer.Option(min=1, help="Steps of --rows stretches of 10 s.")] = 2000,
    rows: Annotated[int, typer.Option(min=1, help="Stretches a step; fewer need less memory.")] = 4,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """The affective adapter of a frozen MusicGen, on recordings. Stop it: the same command goes on."""
    log_to_console(True)

    def start() -> None:
        from composer.musicgen.loading import Options
        from composer.musicgen.train_adapter import train_adapter

        base = Options(musicgen, download=musicgen_download)
        train_adapter(base, audio, labels, run, out, steps, seed, rows)

    from composer.errors import ComposerError

    _training(start, ComposerError)


def _training(work: Callable[[], object], *errors: type[Exception]) -> None:
    try:
        work()
    except ModuleNotFoundError as error:
        raise fail(
            f"{error.name} is missing: install the training extra with pip install 'narrascore-live[train]'"
        ) from error
    except errors as error:
        raise fail(str(error)) from error
