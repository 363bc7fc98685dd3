"""How many sessions this machine carries: real peers over loopback, one more at a time, until it shows.

    narrascore bench capacity           # up to ten minutes
    narrascore bench capacity --full    # what was carried is held for five minutes: up to half an hour

The service runs in a process of its own as `narrascore serve` runs it: it watches the load, gives up readings
before the music suffers, and refuses a session it could not carry; only the count of sessions is not limited.
The pictures are encoded once and sent as they are, over and over, so that the senders cost little; what they
do cost is taken from the same cores. A step holds when no underrun and no skipped block was counted, and
every session was read at least `LEAST_READINGS_HZ`. What held last is then held for longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import av
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from rich.console import Console

from bench.report import Figure, above, below
from bench.scope import Scope
from stream.beside.clips import sample_clips
from stream.cli import top
from stream.doors.server import serving
from stream.errors import PeerFailed
from stream.settings import Settings
from stream.webrtc.loopback import listening, publishing_track, request

SETTLE_S = 12.0
STEP_S = 10.0
HOLD_S, HOLD_FULL_S = 45.0, 300.0
"""What was carried at last is held for this long."""
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
    """Sessions that two cores should carry; half of them are begun with."""


KINDS = (
    Kind("360p10 H.264", "H264", 640, 360, 10, 8),
    Kind("360p10 VP8", "VP8", 640, 360, 10, 8),
    Kind("720p30 H.264", "H264", 1280, 720, 30, 4),
)


class Step(NamedTuple):
    """What was seen while `sessions` ran. Processor time in cores; memory in MiB, shared pages shared out."""

    sessions: int
    held: bool
    why: str
    service_cores: float
    composer_cores: float
    service_mib: float
    composer_mib: float
    stages_ms: dict[str, float]
    work_cores: dict[str, float]
    """Of the service's threads, by what they do."""
    level: int
    """What was given up for the load, see `stream.session.load.Level`."""
    slowest_hz: float
    """Readings a second of the session that had fewest."""


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


class Memory(NamedTuple):
    """MiB, each page that processes share divided among them; nan where the system does not say."""

    service: float
    composers: float


def share_mib(pid: int | str | None) -> float:
    """From /proc/PID/smaps_rollup: see proc(5)."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return float("nan")
    return int(re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[0]) / 1024


def _serve(settings: Settings, pipe: Connection) -> None:
    from stream.cli.threads import few_arenas, one_thread_each
    from stream.cli.wiring import make_app

    one_thread_each()
    few_arenas()

    async def work() -> None:
        app = make_app(settings)
        async with serving(app, settings) as url:
            pipe.send(url)
            while await asyncio.to_thread(pipe.recv):
                composers = [share_mib(each.composer_pid) for each in app.state.sessions]
                pipe.send(Memory(share_mib("self"), sum(composers)))

    asyncio.run(work())


class Service:
    """A service in a process of its own."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    async def memory(self) -> Memory:
        def ask() -> Memory:
            self._pipe.send(True)
            told = self._pipe.recv()
            assert isinstance(told, Memory)
            return told

        return await asyncio.to_thread(ask)


@contextlib.contextmanager
def service(settings: Settings) -> Iterator[Service]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(settings, theirs))
    process.start()
    try:
        if not ours.poll(60.0):
            raise PeerFailed("the service did not begin within a minute")
        yield Service(str(ours.recv()), ours)
    finally:
        with contextlib.suppress(OSError):
            ours.send(False)
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


def judged(before: top.Scrape, after: top.Scrape, sessions: int, memory: Memory) -> Step:
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
        memory.service,
        memory.composers,
        stages,
        {work: (cpu_s - before.work.get(work, 0.0)) / elapsed_s for work, cpu_s in after.work.items()},
        int(after.plain["narrascore_load_level"]),
        slowest,
    )


async def watched(service: Service, sessions: int, seconds: float) -> Step:
    before = await scrape(service.url)
    await asyncio.sleep(seconds)
    return judged(before, await scrape(service.url), sessions, await service.memory())


def told(kind: Kind, step: Step) -> str:
    """One line for who waits."""
    end = "held" if step.held else step.why
    given_up = ("", ", fewer readings", ", key frames only")[step.level]
    return (
        f"{kind.name}: {step.sessions} sessions: service {step.service_cores:.2f}, composers "
        f"{step.composer_cores:.2f} cores, {step.slowest_hz:.1f} readings a second{given_up}: {end}"
    )


class Climb(NamedTuple):
    """`steps` in order; `end` says why there is no further one; `hold` is the long one, if any step held."""

    steps: list[Step]
    end: str
    hold: Step | None


async def climb(kind: Kind, service: Service, hold_s: float, most: int, console: Console) -> Climb:
    """From half of what is wanted, one more session at a time until a step does not hold or is refused.

    Then the last one leaves, and those before it stay for `hold_s`.
    """
    packets = await asyncio.to_thread(encoded, kind)
    steps: list[Step] = []
    end = f"{most} were enough"
    running: list[contextlib.AsyncExitStack] = []
    try:
        while len(running) < most:
            one = contextlib.AsyncExitStack()
            try:
                name = f"s{len(running)}"
                await one.enter_async_context(session(service.url, name, kind, packets))
            except PeerFailed as error:
                end = "refused" if ": 503" in str(error) else str(error)
                break
            running.append(one)
            if len(running) < min(kind.wanted // 2, most):
                continue
            await asyncio.sleep(SETTLE_S)
            steps.append(await watched(service, len(running), STEP_S))
            console.print(told(kind, steps[-1]), highlight=False)
            if not steps[-1].held:
                end = steps[-1].why
                await running.pop().aclose()
                break
        console.print(f"{kind.name}: one more: {end}", highlight=False)
        hold = None
        if running:
            await asyncio.sleep(SETTLE_S)
            hold = await watched(service, len(running), hold_s)
            console.print(f"for {hold_s:.0f} s, {told(kind, hold)}", highlight=False)
        return Climb(steps, end, hold)
    finally:
        for each in reversed(running):
            await each.aclose()


def figures(kind: Kind, climbed: Climb, hold_s: float) -> list[Figure]:
    hold, cores = climbed.hold, os.cpu_count() or 1
    carried = max((step.sessions for step in climbed.steps if step.held), default=0)
    if hold is not None and hold.held:
        carried = hold.sessions
    whole = max((step.sessions for step in climbed.steps if step.held and step.level == 0), default=0)
    name = f"capacity, {kind.name}"
    rows = [
        above(f"{name}: sessions", carried, "", kind.wanted),
        Figure(f"{name}: sessions per core", carried / cores, ""),
        Figure(f"{name}: of them with nothing given up", whole, ""),
        Figure(f"{name}: one more: {climbed.end}", carried + 1, "sessions"),
    ]
    if hold is None:
        return rows
    each = hold.sessions
    failed = "" if hold.held else f" ({hold.why})"
    rows += [
        below(f"{name}: faults in {hold_s:.0f} s of {each} sessions{failed}", int(not hold.held), "", 0),
        Figure(f"{name}: fewest readings", hold.slowest_hz, "/s"),
        Figure(f"{name}: processor, a session", (hold.service_cores + hold.composer_cores) / each, "cores"),
        Figure(f"{name}: of it compose", hold.composer_cores / each, "cores"),
    ]
    work = sorted(hold.work_cores.items(), key=lambda pair: -pair[1])
    rows += [Figure(f"{name}: of it {what}", used / each, "cores") for what, used in work if used > 0.001]
    rows += [
        Figure(f"{name}: memory of a composer", hold.composer_mib / each, "MiB"),
        Figure(f"{name}: memory of the service", hold.service_mib, "MiB"),
    ]
    return rows + [Figure(f"{name}: mean {stage}", ms, "ms") for stage, ms in sorted(hold.stages_ms.items())]


def run(scope: Scope, kinds: tuple[Kind, ...] = KINDS, most: int = MOST) -> list[Figure]:
    settings = Settings(
        port=0,
        default_anchor="cinematic",
        seed=7,
        max_sessions=MOST,
        govern=True,
        signalling_burst=1000,
        signalling_per_s=100.0,
    )
    hold_s = HOLD_FULL_S if scope.full else HOLD_S
    console = Console(stderr=True)
    rows: list[Figure] = []
    for kind in kinds:
        with service(settings) as one:
            climbed = asyncio.run(climb(kind, one, hold_s, most, console))
        rows += figures(kind, climbed, hold_s)
    return rows
