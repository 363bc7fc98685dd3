"""Commands that run the service: serve and demo."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stream.cli.terminal import AnchorOption, SeedOption, VerboseOption, fail, log_to_console
from stream.cli.wiring import app_or_exit

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")]
ReactivityOption = Annotated[str, typer.Option(help="How fast affect follows: calm, balanced or reactive.")]


def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8080,
    anchor: AnchorOption = "",
    seed: SeedOption = None,
    reactivity: ReactivityOption = "balanced",
    verbose: VerboseOption = False,
) -> None:
    """Start the service and print the addresses a streamer needs."""
    log_to_console(verbose)
    from stream import server
    from stream.settings import Settings

    if not _is_loopback(host):
        raise fail(
            f"{host} can be reached from other machines, and this version has no access tokens yet: "
            "use 127.0.0.1, or a tunnel that ends there."
        )
    settings = Settings(host=host, port=port, default_anchor=anchor, seed=seed)
    service = app_or_exit(settings, reactivity)

    def announce(base: str) -> None:
        out = Console()
        out.print(f"Studio page      [bold]{base}/[/]", highlight=False)
        out.print(f"OBS source page  [bold]{base}/source[/]", highlight=False)
        out.print(f"WHIP endpoint    [bold]{base}/whip[/]", highlight=False)
        out.print("Ctrl-C stops the music and the service.", style="dim")

    try:
        server.run(service, settings, announce)
    except server.CannotListen as error:
        raise fail(f"{error} (narrascore serve --port N)") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def demo(
    seconds: Annotated[float, typer.Option(min=10.0, max=3600.0, help="How long to play.")] = 30.0,
    out: Annotated[Path, typer.Option(help="Folder for score.wav, affect.csv and score.png.")] = Path("demo"),
    anchor: AnchorOption = "cinematic",
    seed: SeedOption = 7,
    verbose: VerboseOption = False,
) -> None:
    """Score real clips through the real service, over loopback WebRTC, and measure it."""
    log_to_console(verbose)
    import asyncio

    from composer.symbolic import create
    from stream import demo as work
    from stream.errors import StreamError
    from stream.settings import Settings

    settings = Settings(port=0, default_anchor=anchor, seed=seed, warm_composers=1)
    try:
        clips = work.find_clips()
        work.check_plotting()
        figures = asyncio.run(work.run(app_or_exit(settings), settings, create, clips, seconds, out))
    except (StreamError, OSError) as error:
        raise fail(str(error)) from error
    work.print_table(figures, Console())
