"""MusicGen in the service: how long does control take where it plays in real time?

    python -m bench.musicgen_live              # random weights in MusicGen-small's geometry, no guidance
    python -m bench.musicgen_live --guidance 3 --bits 4

Real clips go in through WHIP and a WHEP listener takes the music, as in `bench.loopback`, on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from bench.report import Figure, below, machine, show
from stream.beside.clips import sample_clips
from stream.cli.music import MUSICGEN_RING_MS, read_prompt
from stream.cli.wiring import make_app
from stream.composing.offer import Offer
from stream.demo.figures import Take, control_latencies_ms
from stream.demo.run import play
from stream.doors.server import serving
from stream.ports import SAMPLE_RATE_HZ
from stream.settings import Settings

if TYPE_CHECKING:
    from composer.musicgen.engine import MusicGenComposer

SECONDS = 30.0
WHOLE_FRAME_SAMPLES = 6144
"""128 ms: from a step to the first frame that it decided whole (`composer.musicgen.engine`)."""


@dataclass(frozen=True)
class RandomMusicGen:
    """A composer on random weights, made in its own process."""

    guidance: float
    bits: int

    def __call__(self) -> MusicGenComposer:
        from bench.musicgen import composer_of, random_model

        return composer_of(random_model(tiny=False), self.guidance, self.bits)


async def take(factory: RandomMusicGen) -> Take:
    offer = Offer(
        "musicgen",
        "MusicGen, random weights",
        "none: random weights",
        factory,
        read_prompt,
        ring_ms=MUSICGEN_RING_MS,
        warm=0,
        start_timeout_s=300.0,
        hang_s=5.0,
    )
    # The session waits for its composer, which loads longer than one waits for peers.
    settings = Settings(port=0, default_anchor="cinematic", seed=7, max_sessions=1, connect_timeout_s=300.0)
    app = make_app(settings, offers=[offer])
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as elsewhere:
        async with serving(app, settings) as url:
            return await play(app, url, elsewhere, sample_clips(), SECONDS)


def figures(took: Take) -> list[Figure]:
    own_ms = 1000.0 * WHOLE_FRAME_SAMPLES / SAMPLE_RATE_HZ
    late = sorted(own_ms + ms for ms in control_latencies_ms(took))
    name = "MusicGen in the service"
    return [
        below(f"{name}: control latency, median", late[len(late) // 2], "ms", 600.0),
        below(f"{name}: control latency, 99th percentile", late[int(0.99 * (len(late) - 1))], "ms", 600.0),
        below(f"{name}: underruns in {SECONDS:.0f} s", took.underruns, "", 0),
        Figure(f"{name}: CPU share, service and composer", took.cost.cores, "cores"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--bits", type=int, default=8, choices=(8, 4))
    options = parser.parse_args()
    got = figures(asyncio.run(take(RandomMusicGen(options.guidance, options.bits))))
    show(got, Console(), machine())


if __name__ == "__main__":
    # Under the name by which the composer's process can find the factory.
    from bench import musicgen_live

    musicgen_live.main()
