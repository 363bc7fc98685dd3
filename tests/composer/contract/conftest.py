"""The composers that must all keep the contract: each in this process, and each behind a socket."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest
import torch

from composer.musicgen.assembly import Parts, assemble
from composer.musicgen.engine import MusicGenComposer
from composer.musicgen.geometry import Manner
from composer.musicgen.loading import Options
from composer.musicgen.windows import Windows
from composer.remote.client import RemoteComposer
from composer.remote.line import Remote
from composer.remote.served import Instrument, Playable
from composer.remote.server import ComposerServer
from composer.symbolic import SymbolicComposer
from tests.composer import tiny
from tests.composer.musicgen import tiny_musicgen


class Stage(NamedTuple):
    """`make` gives a composer that has no anchor yet, and ends the one before: they play one at a time."""

    make: Callable[[], Playable]
    anchor: str
    other_anchor: str
    late_samples: int
    """Beside `latency_samples`, how late a steer may be heard."""
    ahead: int
    here: Callable[[], Playable]
    """The same music, made in this process."""


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    torch.set_num_threads(1)
    folder = tiny_musicgen.write(tmp_path_factory.mktemp("weights") / "tiny")
    options = Options(str(folder), backend="torch", threads=1, manner=Manner(top_k=20))
    return dataclasses.replace(assemble(options), windows=Windows(60, 30))


@contextmanager
def serving(instrument: Instrument, token: str = "", port: int = 0) -> Iterator[ComposerServer]:
    """A composer behind a socket of this machine while the block runs."""
    server = ComposerServer(lambda: instrument, "127.0.0.1", port, token=token)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


KINDS = {
    "symbolic": ("symbolic", None),
    "symbolic over the wire": ("symbolic", 0),
    "symbolic over the wire, ahead": ("symbolic", 1440),
    "musicgen": ("musicgen", None),
    "musicgen over the wire": ("musicgen", 0),
}


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    music, ahead = KINDS[request.param]
    if music == "symbolic":
        player = tiny.player()
        words = ("chiptune", "synthwave", 600)
        instrument = Instrument(
            "tiny", "symbolic", "none", SymbolicComposer.latency_samples, lambda: SymbolicComposer(*player)
        )
    else:
        weights: Parts = request.getfixturevalue("parts")
        words = ("warm piano jazz", "cold strings", 24_000)
        instrument = Instrument(
            "tiny", "musicgen", "none", MusicGenComposer.latency_samples, lambda: MusicGenComposer(weights)
        )
    made: list[Playable] = []

    def only(composer: Playable) -> Playable:
        for other in made:
            other.close()
        made[:] = [composer]
        return composer

    with ExitStack() as stack:
        make = instrument.begin
        if ahead is not None:
            server = stack.enter_context(serving(instrument))
            remote = Remote(f"ws://127.0.0.1:{server.port}", ahead_samples=ahead)
            make = lambda: RemoteComposer(remote)  # noqa: E731

        def here() -> Playable:
            stack.close()  # a composer behind the socket has ended when its server has
            return only(instrument.begin())

        yield Stage(
            make=lambda: only(make()),
            anchor=words[0],
            other_anchor=words[1],
            late_samples=words[2],
            ahead=ahead or 0,
            here=here,
        )
        for composer in made:
            composer.close()
