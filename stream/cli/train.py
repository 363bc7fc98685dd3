"""Commands that make the shipped weights again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.terminal import fail, log_to_console


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


def symbolic(
    data: Annotated[Path, typer.Option(help="Folder with OpenScore: lieder/ and quartets/.")],
    run: Annotated[Path, typer.Option(help="Checkpoints and logs; resumed when present.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 4,096 tokens in all.")] = 3000,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """The base decoder of the symbolic composer. Stop it whenever you like: the same command goes on."""
    log_to_console(True)
    from composer.errors import ComposerError
    from composer.shipping import ship_base

    _training(lambda: ship_base(data, run, out, steps, seed), ComposerError)


def symbolic_adapter(
    data: Annotated[Path, typer.Option(help="Folder with OpenScore: lieder/ and quartets/.")],
    run: Annotated[Path, typer.Option(help="Checkpoints and logs; resumed when present.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 4,096 tokens in all.")] = 600,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """The affective adapter on the shipped base, which stays frozen."""
    log_to_console(True)
    from composer.errors import ComposerError
    from composer.shipping import ship_adapter

    _training(lambda: ship_adapter(data, run, out, steps, seed), ComposerError)


def _training(work: Callable[[], object], *errors: type[Exception]) -> None:
    try:
        work()
    except ModuleNotFoundError as error:
        raise fail(
            f"{error.name} is missing: install the training extra with pip install 'narrascore-live[train]'"
        ) from error
    except errors as error:
        raise fail(str(error)) from error
