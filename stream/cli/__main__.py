"""The console script.

Heavy packages are imported inside the commands that need them, so that `--help` is quick and a composer
process never loads the sensor.
"""

from __future__ import annotations

import sys

import typer

from stream.cli import bench, company, doctor, files, live, remote, top, train
from stream.cli.threads import few_arenas, one_thread_each

HELP = "NarraScore Live: music composed live, from the picture."


def make_command() -> typer.Typer:
    """Every command and its name, in the order `--help` lists them."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP)
    app.command("serve")(live.serve)
    app.command("composer")(remote.composer)
    app.command("devices")(company.devices)
    app.command("doctor")(doctor.doctor)
    app.command("top")(top.top)
    app.command("demo")(live.demo)
    app.command("sense")(files.sense)
    app.command("compose")(files.compose)
    app.command("score")(files.score)
    app.command("bench", context_settings=bench.PASSED_ON)(bench.bench)
    trained = typer.Typer(no_args_is_help=True, help="Train the shipped weights again.")
    trained.command("probe")(train.probe)
    trained.command("vlm-probe")(train.vlm_probe)
    trained.command("symbolic")(train.symbolic)
    trained.command("symbolic-adapter")(train.symbolic_adapter)
    trained.command("musicgen-adapter")(train.musicgen_adapter)
    app.add_typer(trained, name="train")
    return app


def main() -> None:
    one_thread_each()
    few_arenas()
    try:
        make_command()()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
