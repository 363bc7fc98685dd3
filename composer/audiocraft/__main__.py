"""Serve audiocraft's MusicGen as a remote composer.

.venv-audiocraft/bin/python -m composer.audiocraft --model facebook/musicgen-small
narrascore serve --composer ws://127.0.0.1:8090
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from composer.audiocraft.assembly import parts_of, pretrained
from composer.audiocraft.random_models import TINY, compression_model, language_model
from composer.errors import ComposerError
from composer.musicgen.engine import MusicGenComposer
from composer.musicgen.geometry import Manner
from composer.musicgen.loading import LICENCE
from composer.musicgen.windows import Windows
from composer.remote.served import Instrument
from composer.remote.server import ComposerServer

TOKEN = "NARRASCORE_COMPOSER_TOKEN"


def instrument(model: str, manner: Manner, adapter: Path | None) -> Instrument:
    """The model, loaded; "random" is a tiny one with random weights. Raises WeightsError."""
    if model == "random":
        codec = compression_model(TINY, filters=4, dimension=8)
        parts = parts_of(language_model(TINY), codec, "random", manner, Windows(60, 30), adapter)
    else:
        parts = pretrained(model, manner, adapter)
    return Instrument(
        f"audiocraft: {parts.name}",
        "audiocraft",
        LICENCE,
        MusicGenComposer.latency_samples,
        lambda: MusicGenComposer(parts),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m composer.audiocraft", description=__doc__)
    parser.add_argument("--model", required=True, help="hub id or folder for audiocraft, or 'random'")
    parser.add_argument("--guidance", type=float, default=3.0, help="1 is none")
    parser.add_argument("--adapter", type=Path, help="affect adapter trained on these weights")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes any free one")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    token = os.environ.get(TOKEN, "")
    if options.host not in ("127.0.0.1", "::1", "localhost") and len(token) < 16:
        sys.exit(f"Where other machines can reach it, a token of 16 characters is wanted in {TOKEN}.")
    try:
        server = ComposerServer(
            lambda: instrument(options.model, Manner(guidance=options.guidance), options.adapter),
            options.host,
            options.port,
            token=token,
        )
    except ComposerError as error:
        sys.exit(str(error))
    print(f"narrascore serve --composer ws://{options.host}:{server.port}", flush=True)
    try:
        server.run()
    except KeyboardInterrupt:
        server.close()


if __name__ == "__main__":
    main()
