"""What a run came to: its lag and latencies, and whether a busy machine spoilt it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stream.demo.peers import PeersReport
from stream.demo.shortfall import shortfall
from stream.errors import StreamError
from stream.ports import Affect, ComposerFactory, Reading
from stream.process_cost import Cost
from stream.sensing.reaction import Steer, alignment, parting_after
from stream.sound.egress import PlayedBlock

HORIZON_S = 1.5
MAX_TWINS = 3
"""Glass to ear is worked out for so many cuts: each costs two renderings of the piece."""


class DemoError(StreamError):
    """The demo cannot run; the message says what is missing."""


@dataclass(frozen=True)
class Figures:
    """What the demo measured; None where it could not be (too few cuts, nothing moved, a machine too busy).

    `too_slow` says what a busy machine left out, if it was much.
    """

    readings_per_s: float
    sensor_lag_s: float | None
    control_latency_ms: float | None
    control_latency_p99_ms: float | None
    glass_to_ear_ms: float | None
    underruns: int
    cost: Cost
    folder: Path
    too_slow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Take:
    """Everything one run left behind. Times are monotonic seconds."""

    peers: PeersReport
    steers: list[Steer]
    readings: list[Reading]
    affect: list[tuple[float, Affect]]
    played: list[PlayedBlock]
    underruns: int
    anchor: str
    seed: int
    cost: Cost


def spoilt(take: Take, seconds: float) -> tuple[str, ...]:
    """What a busy machine left out, as sentences. Raises DemoError when nothing is left."""
    short = shortfall(
        seconds,
        [reading.t_s for reading in take.readings],
        [(one.t_s, len(one.block)) for one in take.played if one.block.any()],
        [t_s for _, t_s in take.peers.arrivals],
        take.peers.began_s,
    )
    if short.nothing:
        raise DemoError(" ".join(("This machine was too busy for the demo.", *short.sentences)))
    return short.sentences


async def measure(
    take: Take, factory: ComposerFactory, elsewhere: Executor, folder: Path, too_slow: tuple[str, ...]
) -> Figures:
    control = control_latencies_ms(take)
    return Figures(
        readings_per_s=_readings_per_s(take),
        sensor_lag_s=_median([lag for cut in take.peers.cuts_s if (lag := sensor_lag_s(take.affect, cut))]),
        control_latency_ms=_median(control),
        control_latency_p99_ms=float(np.percentile(control, 99)) if control else None,
        glass_to_ear_ms=_median(await glass_to_ear_ms(take, factory, elsewhere)),
        underruns=take.underruns,
        cost=take.cost,
        folder=folder,
        too_slow=too_slow,
    )


def _readings_per_s(take: Take) -> float:
    span = take.readings[-1].t_s - take.readings[0].t_s if len(take.readings) > 1 else 0.0
    return (len(take.readings) - 1) / span if span else 0.0


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def sensor_lag_s(affect: Sequence[tuple[float, Affect]], cut_s: float, settle_s: float = 4.5) -> float | None:
    """From a cut to the estimate having gone 63 % of its way to where it settles; None if it hardly moves.

    Measured on the axis that moves more.
    """
    times = np.array([t for t, _ in affect])
    values = np.array([(a.valence, a.arousal) for _, a in affect])
    before, after = np.searchsorted(times, [cut_s, cut_s + settle_s]) - 1
    if before < 0 or after <= before:
        return None
    way = values[after] - values[before]
    axis = int(np.abs(way).argmax())
    if abs(way[axis]) < 0.05:
        return None
    gone = (values[before : after + 1, axis] - values[before, axis]) / way[axis]
    return float(times[before + int((gone >= 0.63).argmax())] - cut_s)


def control_latencies_ms(take: Take) -> list[float]:
    """For every steer: from the composer being given it to the first block that can differ leaving."""
    pairs = ((steer, _block_with(take, steer.at_sample)) for steer in take.steers)
    return [1000.0 * (block.t_s - steer.t_s) for steer, block in pairs if block is not None]


async def glass_to_ear_ms(take: Take, factory: ComposerFactory, elsewhere: Executor) -> list[float]:
    """For the first cuts: from the new picture being sent to music changed by it being received."""
    first_pts = _first_pts_heard(take)
    starts = np.array([start for start, _ in take.peers.arrivals])
    loop = asyncio.get_running_loop()
    result = []
    for cut_s in take.peers.cuts_s[:MAX_TWINS]:
        sample = await loop.run_in_executor(
            elsewhere, parting_after, factory, take.anchor, take.seed, take.steers, cut_s, HORIZON_S
        )
        block = _block_with(take, sample) if sample is not None else None
        if sample is not None and block is not None:
            heard = block.pts + sample - block.ring_sample - first_pts
            index = int(np.searchsorted(starts, heard, side="right")) - 1
            if index >= 0:
                result.append(1000.0 * (take.peers.arrivals[index][1] - cut_s))
    return result


def _block_with(take: Take, sample: int) -> PlayedBlock | None:
    """The block in which the piece's `sample` left, if it did."""
    starts = [block.ring_sample for block in take.played]
    index = int(np.searchsorted(starts, sample, side="right")) - 1
    inside = index >= 0 and sample < starts[index] + len(take.played[index].block)
    return take.played[index] if inside else None


def _first_pts_heard(take: Take) -> int:
    """The sender's sample clock at the first sample the listener received.

    The RTP clock starts anywhere, so it is found from the sound: where what left and what arrived agree.
    """
    first = take.played[0].pts
    left = np.zeros(take.played[-1].pts + len(take.played[-1].block) - first, dtype=np.float32)
    for block in take.played:
        left[block.pts - first : block.pts - first + len(block.block)] = block.block.mean(axis=1)
    heard = take.peers.pcm.mean(axis=1).astype(np.float32) / 32768.0
    return first + alignment(left, heard)
