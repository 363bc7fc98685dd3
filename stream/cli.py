"""The `narrascore` command: the only place where stream, sensor and composer meet.

Heavy packages are imported inside the commands that need them, so that `--help` is quick and a composer
process never loads the sensor.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.logging import RichHandler

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from stream.ports import AnchorReply
    from stream.settings import Settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=__doc__.splitlines()[0].split(":")[0] + "."
)
train = typer.Typer(no_args_is_help=True, help="Train the shipped weights again.")
app.add_typer(train, name="train")

console = Console(stderr=True)

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")]
AnchorOption = Annotated[str, typer.Option(help="Style to begin with: a preset's name or free text.")]
SeedOption = Annotated[int | None, typer.Option(help="The same seed and picture give the same piece.")]
ReactivityOption = Annotated[str, typer.Option(help="How fast affect follows: calm, balanced or reactive.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more while running.")]


def _fail(message: str) -> typer.Exit:
    console.print(f"[bold red]narrascore:[/] {message}", highlight=False)
    return typer.Exit(1)


def _log(verbose: bool) -> None:
    level = logging.INFO if verbose else logging.WARNING
    handler = RichHandler(console=console, show_path=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    for chatty in ("aioice", "aiortc"):  # at DEBUG they would write addresses and SDP
        logging.getLogger(chatty).setLevel(logging.WARNING)


def read_anchor(text: str) -> AnchorReply:
    """The composer's reading of an anchor, in the stream's words."""
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


def make_app(settings: Settings, reactivity: str = "balanced") -> Starlette:
    """The real service: EfficientNet-Lite sensor, 8 s window, symbolic composer.

    `reactivity` names a preset of the window: calm, balanced or reactive.
    Raises WeightsError or SensorError when weights cannot be used, before anything is started.
    """
    import torch

    from composer.presets import DEFAULT_PRESET, PRESETS
    from composer.symbolic import create
    from composer.weights import playable, read
    from sensor.live import LiveSensor, create_eye
    from sensor.window import AffectWindow
    from stream.app import create_app
    from stream.ports import Sensor, Window

    playable(read())  # a composer process would fail with the same error, but later and out of sight
    torch.set_num_threads(1)
    eye = create_eye()
    names = [DEFAULT_PRESET, *(name for name in PRESETS if name != DEFAULT_PRESET)]
    return create_app(
        settings,
        # Each package has its own Reading and Affect, alike field by field; nominal types cannot see that.
        sensor_factory=lambda: cast("Sensor", LiveSensor(eye)),
        window_factory=lambda: cast("Window", AffectWindow(reactivity)),
        composer_factory=create,
        read_anchor=read_anchor,
        presets=names,
    )


def _app_or_exit(settings: Settings, reactivity: str = "balanced") -> Starlette:
    from composer.errors import ComposerError
    from sensor.errors import SensorError

    try:
        return make_app(settings, reactivity)
    except (ComposerError, SensorError, ValueError) as error:
        raise _fail(str(error)) from error


@app.command()
def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8080,
    anchor: AnchorOption = "",
    seed: SeedOption = None,
    reactivity: ReactivityOption = "balanced",
    verbose: VerboseOption = False,
) -> None:
    """Start the service and print the addresses a streamer needs."""
    _log(verbose)
    from stream import server
    from stream.settings import Settings

    if not _is_loopback(host):
        raise _fail(
            f"{host} can be reached from other machines, and this version has no access tokens yet: "
            "use 127.0.0.1, or a tunnel that ends there."
        )
    settings = Settings(host=host, port=port, default_anchor=anchor, seed=seed)
    service = _app_or_exit(settings, reactivity)

    def announce(base: str) -> None:
        out = Console()
        out.print(f"Studio page      [bold]{base}/[/]", highlight=False)
        out.print(f"OBS source page  [bold]{base}/source[/]", highlight=False)
        out.print(f"WHIP endpoint    [bold]{base}/whip[/]", highlight=False)
        out.print("Ctrl-C stops the music and the service.", style="dim")

    try:
        server.run(service, settings, announce)
    except server.CannotListen as error:
        raise _fail(f"{error} (narrascore serve --port N)") from error


def _is_loopback(host: str) -> bool:
    import ipaddress

    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(min=10.0, max=3600.0, help="How long to play.")] = 30.0,
    out: Annotated[Path, typer.Option(help="Folder for score.wav, affect.csv and score.png.")] = Path("demo"),
    anchor: AnchorOption = "cinematic",
    seed: SeedOption = 7,
    verbose: VerboseOption = False,
) -> None:
    """Score real clips through the real service, over loopback WebRTC, and measure it."""
    _log(verbose)
    import asyncio

    from composer.symbolic import create
    from stream import demo as work
    from stream.errors import StreamError
    from stream.settings import Settings

    settings = Settings(port=0, default_anchor=anchor, seed=seed, warm_composers=1)
    try:
        clips = work.find_clips()
        work.check_plotting()
        figures = asyncio.run(work.run(_app_or_exit(settings), settings, create, clips, seconds, out))
    except (StreamError, OSError) as error:
        raise _fail(str(error)) from error
    work.print_table(figures, Console())


@app.command()
def sense(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, clips, or folders of them.")],
    csv: Annotated[Path | None, typer.Option(help="Write the rows here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve here (PNG).")] = None,
    preset: Annotated[str, typer.Option(help="calm, balanced or reactive.")] = "balanced",
    verbose: VerboseOption = False,
) -> None:
    """Read valence and arousal from files: one raw reading of a still, a smoothed curve of a clip."""
    _log(verbose)
    import torch
    from rich.progress import Progress

    from sensor.errors import SensorError
    from sensor.live import create_eye
    from sensor.sense import sense as work
    from sensor.sense_plot import plot as draw

    torch.set_num_threads(1)
    try:
        with Progress(console=console) as progress:
            bar = progress.add_task("sensing", total=1.0)
            found = work(paths, create_eye(), preset, csv, lambda done: progress.update(bar, completed=done))
        if plot is not None:
            draw(found, plot)
    except SensorError as error:
        raise _fail(str(error)) from error
    if csv is None:
        out = Console(soft_wrap=True)
        out.print("path,t_s,valence,arousal,confidence,cut", highlight=False)
        for one in found:
            for row in one.rows:
                values = f"{row.t_s:.3f},{row.valence:.4f},{row.arousal:.4f},{row.confidence:.4f}"
                out.print(f"{row.path},{values},{int(row.cut)}", highlight=False, markup=False)


@train.command("probe")
def train_probe(
    data: Annotated[Path, typer.Option(help="Folder with OASIS: ratings.csv and images.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """The affective probe on frozen vision features, from human ratings of photographs."""
    _log(True)
    from sensor.errors import SensorError
    from sensor.train import train_probe as work

    def start() -> None:
        work(data, out, seed)

    _training(start, SensorError)


@train.command("symbolic")
def train_symbolic(
    data: Annotated[Path, typer.Option(help="Folder with OpenScore: lieder/ and quartets/.")],
    run: Annotated[Path, typer.Option(help="Checkpoints and logs; resumed when present.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 4,096 tokens in all.")] = 3000,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """The base decoder of the symbolic composer. Stop it whenever you like: the same command goes on."""
    _log(True)
    from composer.errors import ComposerError
    from composer.shipping import ship_base

    _training(lambda: ship_base(data, run, out, steps, seed), ComposerError)


@train.command("symbolic-adapter")
def train_symbolic_adapter(
    data: Annotated[Path, typer.Option(help="Folder with OpenScore: lieder/ and quartets/.")],
    run: Annotated[Path, typer.Option(help="Checkpoints and logs; resumed when present.")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="Where to write; default: the package's weights.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of 4,096 tokens in all.")] = 600,
    seed: Annotated[int, typer.Option()] = 7,
) -> None:
    """The affective adapter on the shipped base, which stays frozen."""
    _log(True)
    from composer.errors import ComposerError
    from composer.shipping import ship_adapter

    _training(lambda: ship_adapter(data, run, out, steps, seed), ComposerError)


def _training(work: Callable[[], object], *errors: type[Exception]) -> None:
    try:
        work()
    except ModuleNotFoundError as error:
        raise _fail(
            f"{error.name} is missing: install the training extra with pip install 'narrascore-live[train]'"
        ) from error
    except errors as error:
        raise _fail(str(error)) from error


def one_thread_each() -> None:
    """Keep numerical libraries to one thread a process, here and in the composer's.

    Read when they are first loaded, so to be called before. Small products gain nothing from more threads,
    and the game beside us needs the cores: with the defaults, threads waiting for each other starved the
    music on a busy machine.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def main() -> None:
    """The console script."""
    one_thread_each()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
