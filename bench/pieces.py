"""Pieces to be measured: asked for by anchor, seed and affect, played by the real composer, heard as they go.

Each piece is played in a process of its own kind (`workers` of them), since a process can hold one composer.
What comes back is what was heard (`bench.hearing`) and what was struck, not the samples.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from bench.hearing import Listener, Sound
from composer.presets import SECTIONS
from composer.score import SAMPLE_RATE_HZ, Strike
from composer.symbolic import SymbolicComposer, create_from
from composer.weights import SHIPPED

Array = npt.NDArray[np.float64]

CURVE_HZ = 10
KNOT_S = 16.0
SECTION_NAMES: tuple[str, ...] = SECTIONS
DRUMS = SECTION_NAMES.index("drums")


class Request(NamedTuple):
    """What to play. `affect` is a constant (valence, arousal), or None for `random_curve(seed)`.

    Of a long piece `edge_s` at either end may be enough to hear; the sound of the two is then joined.
    """

    anchor: str
    seed: int
    seconds: float
    affect: tuple[float, float] | None = None
    weights: Path = SHIPPED
    edge_s: float = 0.0


class Piece(NamedTuple):
    """One piece as measured.

    `curve` (T, 2) valence and arousal at `CURVE_HZ`; `notes` (N, 6): onset s, length s, pitch, velocity,
    index of the section in `SECTION_NAMES`, index of the instrument in `instruments`; `cpu_s` processor
    seconds of rendering.
    """

    request: Request
    curve: Array
    sound: Sound
    notes: Array
    instruments: tuple[str, ...]
    cpu_s: float

    @property
    def pitched(self) -> Array:
        """The notes without the drums."""
        return np.asarray(self.notes[self.notes[:, 4] != DRUMS])


def random_curve(seed: int, seconds: float) -> Array:
    """(T, 2) smooth independent valence and arousal at `CURVE_HZ`.

    Knots every `KNOT_S`, spread evenly over [-1, 1] and in random order (redrawn until the two are
    uncorrelated within 0.15), joined by half cosines, so that the whole range is visited in every piece.
    """
    random = np.random.default_rng((seed, 77))
    count = max(int(np.ceil(seconds / KNOT_S)) + 1, 3)
    even = np.linspace(-1.0, 1.0, count)
    at = np.arange(int(seconds * CURVE_HZ)) / CURVE_HZ / KNOT_S
    index = at.astype(int)
    ease = 0.5 - 0.5 * np.cos(np.pi * (at - index))
    while True:
        columns = []
        for _ in range(2):
            knots = random.permutation(even)
            columns.append(knots[index] + (knots[np.minimum(index + 1, count - 1)] - knots[index]) * ease)
        if count < 6 or abs(np.corrcoef(columns)[0, 1]) < 0.15:
            return np.stack(columns, axis=1)


def curve_of(request: Request) -> Array:
    if request.affect is None:
        return random_curve(request.seed, request.seconds)
    return np.tile(np.array(request.affect), (int(request.seconds * CURVE_HZ), 1))


def played(composer: SymbolicComposer, curve: Array) -> Iterator[npt.NDArray[np.float32]]:
    """Steer by `curve` and render, a second at a time."""
    for second in range(0, len(curve), CURVE_HZ):
        rows = curve[second : second + CURVE_HZ]
        for k, (valence, arousal) in enumerate(rows.tolist()):
            composer.steer(valence, arousal, (second + k) * SAMPLE_RATE_HZ // CURVE_HZ)
        yield composer.render(len(rows) * SAMPLE_RATE_HZ // CURVE_HZ)


def play(request: Request, told: Callable[[float], None] | None = None) -> Piece:
    """Play and hear one piece, in this process. `told` is called with the seconds done."""
    curve = curve_of(request)
    composer = create_from(request.weights)
    composer.prime(request.anchor, request.seed)
    listener = Listener()
    strikes: list[Strike] = []
    spent, done = 0.0, 0
    blocks = played(composer, curve)
    while True:
        began = time.process_time()
        block = next(blocks, None)
        spent += time.process_time() - began
        if block is None:
            break
        at, edge = done / SAMPLE_RATE_HZ, request.edge_s
        if not edge or at < edge or at >= request.seconds - edge:
            listener.hear(block)
        done += len(block)
        if told is not None:
            told(done / SAMPLE_RATE_HZ)
        strikes += new_strikes(composer.events(), strikes[-1] if strikes else None)
    composer.close()
    names = tuple(sorted({s.instrument for s in strikes}))
    notes = [
        (
            s.at_sample / SAMPLE_RATE_HZ,
            s.length_samples / SAMPLE_RATE_HZ,
            s.pitch,
            s.velocity,
            SECTION_NAMES.index(s.instrument.partition("@")[2]),
            names.index(s.instrument),
        )
        for s in strikes
    ]
    table = np.array(sorted(notes), dtype=np.float64).reshape(-1, 6)
    return Piece(request, curve, listener.sound(), table, names, spent)


def new_strikes(events: tuple[Strike, ...], last: Strike | None) -> list[Strike]:
    """The events after the very object `last`; the composer keeps only so many, so ask often."""
    fresh: list[Strike] = []
    for strike in reversed(events):
        if strike is last:
            break
        fresh.append(strike)
    return fresh[::-1]


_played: dict[Request, Piece] = {}
"""What this process has had played: `control` and `anchor` judge the same pieces."""


def of_presets(presets: tuple[str, ...], seeds: int, seconds: float, weights: Path) -> list[Request]:
    """`seeds` pieces of each preset, each under a random curve of its own."""
    return [
        Request(preset, 100 * k + i + 1, seconds, None, weights)
        for i in range(seeds)
        for k, preset in enumerate(presets)
    ]


def play_all(requests: Iterable[Request], workers: int, title: str) -> list[Piece]:
    """Play every request not played before, in order, behind one progress bar."""
    asked = list(requests)
    wanted = [request for request in dict.fromkeys(asked) if request not in _played]
    if wanted:
        _played.update(zip(wanted, _play_each(wanted, workers, title), strict=True))
    return [_played[request] for request in asked]


def _play_each(wanted: list[Request], workers: int, title: str) -> list[Piece]:
    console = Console(stderr=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(wanted)), mp_context=context) as pool:
        results = pool.map(play, wanted)
        return list(track(results, title, total=len(wanted), console=console, transient=True))
