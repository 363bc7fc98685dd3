"""How many sessions this machine carries: real peers over loopback, one more at a time, until it shows.

The service runs in a process of its own, with its limits lifted and nothing given up for load. The pictures
are encoded once and sent as they are, over and over, so that the senders cost little; what they do cost is
taken from the same cores. A step holds when no underrun and no skipped block was counted, and every session
was read at least `LEAST_READINGS_HZ`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from bench.report import Figure, above
from bench.scope import Scope
from stream.beside.clips import sample_clips
from stream.cli import top
from stream.doors.server import serving
from stream.errors import PeerFailed
from stream.settings import Settings
from stream.webrtc.loopback import listening, publishing_track, request

SETTLE_S = 8.0
HOLD_S, HOLD_FULL_S = 15.0, 300.0
LEAST_READINGS_HZ = 1.0
MOST = 24
CLOCK_HZ = 90_000


class Kind(NamedTuple):
    name: str
    codec: str
    width: int
    height: int
    fps: int
    wanted: int
    """Sessions that two cores should carry."""


KINDS = (
    Kind("360p10 H.264", "H264", 640, 360, 10, 8),
    Kind("360p10 VP8", "VP8", 640, 360, 10, 8),
    Kind("720p30 H.264", "H264", 1280, 720, 30, 4),
)


class Step(NamedTuple):
    """What was seen while `sessions` ran. Processor time in cores, memory in MiB."""

    sessions: int
    held: bool
    why: str
    service_cores: float
    composer_cores: float
    service_mib: float
    composer_mib: float
    stages_ms: dict[str, float]


def encoded(kind: Kind, seconds: float = 4.0) -> list[bytes]:
    """Real clips, scaled; a key frame every two seconds, as OBS sends them."""
    frames: list[av.VideoFrame] = []
    for path in itertools.cycle(sample_clips()):
        with av.open(str(path)) as container:
            for frame in itertools.islice(container.decode(video=0), kind.fps):
                frames.append(frame.reformat(kind.width, kind.height, "yuv420p"))
        if len(frames) >= kind.fps * seconds:
            break
    name, options = (
        ("libx264", {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "sc_threshold": "0"})
        if kind.codec == "H264"
        else ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"})
    )
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = kind.width, kind.height, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(kind.fps, 1), Fraction(1, kind.fps)
    encoder.bit_rate = 2_500_000 if kind.height > 400 else 500_000
    encoder.gop_size = 2 * kind.fps
    encoder.options = options
    packets: list[bytes] = []
    for n, frame in enumerate(frames[: round(kind.fps * seconds)]):
        frame.pts, frame.time_base = n, encoder.time_base
        frame.pict_type = av.video.frame.PictureType.NONE
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return packets


class EncodedTrack(MediaStreamTrack):
    """Sends the same encoded frames again and again at a steady rate; each begins with a key frame."""

    kind = "video"

    def __init__(self, packets: list[bytes], fps: int) -> None:
        super().__init__()
        self._packets = itertools.cycle(packets)
        self._period_s = 1.0 / fps
        self._began_s: float | None = None
        self._count = 0

    async def recv(self) -> av.Packet[Any]:
        if self.readyState != "live":
            raise MediaStreamError
        now_s = time.monotonic()
        if self._began_s is None:
            self._began_s = now_s
        await asyncio.sleep(max(0.0, self._began_s + self._count * self._period_s - now_s))
        packet = av.Packet(next(self._packets))
        packet.pts = round(self._count * self._period_s * CLOCK_HZ)
        packet.time_base = Fraction(1, CLOCK_HZ)
        self._count += 1
        return packet


def _serve(settings: Settings, pipe: Connection) -> None:
    from stream.cli.wiring import make_app

    async def work() -> None:
        async with serving(make_app(settings), settings) as url:
            pipe.send(url)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(work())


@contextlib.contextmanager
def service(settings: Settings) -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(settings, theirs))
    process.start()
    try:
        if not ours.poll(60.0):
            raise PeerFailed("the service did not begin within a minute")
        yield str(ours.recv())
    finally:
        ours.send(None)
        process.join(20.0)
        process.kill()


async def scrape(url: str) -> top.Scrape:
    return top.parse((await request("GET", f"{url}/metrics")).body, time.monotonic())


@contextlib.asynccontextmanager
async def session(url: str, name: str, kind: Kind, packets: list[bytes]) -> AsyncIterator[None]:
    track = EncodedTrack(packets, kind.fps)
    async with (
        publishing_track(url, track, session=name, codec=kind.codec),
        listening(url, lambda received: None, session=name),
    ):
        yield


def judged(before: top.Scrape, after: top.Scrape, sessions: int) -> Step:
    elapsed_s = after.t_s - before.t_s

    def total(figure: str) -> float:
        """How much it grew, over all sessions that were there before."""
        return sum(after.sessions[name][figure] - before.sessions[name][figure] for name in before.sessions)

    slowest = min(
        (after.sessions[name]["readings_total"] - before.sessions[name]["readings_total"]) / elapsed_s
        for name in before.sessions
    )
    underruns, skipped = total("underruns_total"), total("skipped_blocks_total")
    why = ""
    if underruns or skipped:
        why = f"{underruns:.0f} underruns, {skipped:.0f} blocks too late"
    elif slowest < LEAST_READINGS_HZ:
        why = f"a session was read {slowest:.1f} times a second"
    stages = {}
    for stage, (count, seconds) in after.stages.items():
        old = before.stages.get(stage, (0.0, 0.0))
        if count > old[0]:
            stages[stage] = 1000 * (seconds - old[1]) / (count - old[0])
    cpu = "process_cpu_seconds_total"
    return Step(
        sessions,
        not why,
        why,
        (after.plain[cpu] - before.plain[cpu]) / elapsed_s,
        total("composer_cpu_seconds_total") / elapsed_s,
        after.plain["process_resident_memory_bytes"] / 2**20,
        sum(figures["composer_resident_bytes"] for figures in after.sessions.values()) / 2**20,
        stages,
    )


async def climb(kind: Kind, url: str, hold_s: float, most: int) -> list[Step]:
    """One more session at a time until a step does not hold."""
    packets = await asyncio.to_thread(encoded, kind)
    steps: list[Step] = []
    async with contextlib.AsyncExitStack() as sessions:
        while len(steps) < most and (not steps or steps[-1].held):
            await sessions.enter_async_context(session(url, f"s{len(steps)}", kind, packets))
            await asyncio.sleep(SETTLE_S)
            before = await scrape(url)
            await asyncio.sleep(hold_s)
            steps.append(judged(before, await scrape(url), len(steps) + 1))
    return steps


def figures(kind: Kind, steps: list[Step]) -> list[Figure]:
    held = [step for step in steps if step.held]
    name, cores = f"capacity, {kind.name}", os.cpu_count() or 1
    rows = [
        above(f"{name}: sessions", len(held), "", kind.wanted),
        Figure(f"{name}: sessions per core", len(held) / cores, ""),
    ]
    if not steps[-1].held:
        rows.append(Figure(f"{name}: then {steps[-1].why}", steps[-1].sessions, "sessions"))
    if held:
        best = held[-1]
        rows += [
            Figure(f"{name}: service, a session", best.service_cores / best.sessions, "cores"),
            Figure(f"{name}: composer, a session", best.composer_cores / best.sessions, "cores"),
            Figure(f"{name}: memory of a composer", best.composer_mib / best.sessions, "MiB"),
            Figure(f"{name}: memory of the service", best.service_mib, "MiB"),
        ]
        rows += [Figure(f"{name}: mean {stage}", ms, "ms") for stage, ms in sorted(best.stages_ms.items())]
    return rows


def run(scope: Scope, kinds: tuple[Kind, ...] = KINDS, most: int = MOST) -> list[Figure]:
    settings = Settings(
        port=0,
        default_anchor="cinematic",
        seed=7,
        max_sessions=MOST,
        signalling_burst=1000,
        signalling_per_s=100.0,
        warm_composers=1,
    )
    rows: list[Figure] = []
    for kind in kinds:
        with service(settings) as url:
            steps = asyncio.run(climb(kind, url, HOLD_FULL_S if scope.full else HOLD_S, most))
        rows += figures(kind, steps)
    return rows
