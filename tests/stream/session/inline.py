"""A session's threads and process on one virtual clock: composer, egress and sensing, without any of them.

What they do is the real thing (`_Performance`, `Egress.step`, a sensor's `read`); only who calls it is not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

from stream.composing import worker
from stream.composing.link import ComposerLink
from stream.composing.losses import ComposerStatus
from stream.composing.messages import Accent, AppliedAccent, AppliedSteer, Begin, Prime
from stream.composing.offer import Ensemble
from stream.latest_frame import LatestFrame
from stream.number_log import NumberLog
from stream.ports import Reading
from stream.session.services import Services
from stream.session.sessions import Sessions
from stream.settings import Settings
from stream.sound.egress import FADE_OUT_S, Egress
from tests.stream import scripted
from tests.stream.scripted import BrightnessSensor, SineComposer


class _Reports:
    """In place of the worker's reporter: takes everything, keeps what the host keeps."""

    def __init__(self) -> None:
        self.steers = NumberLog(AppliedSteer, 8192)
        self.accents = NumberLog(AppliedAccent, 1024)
        self.steered, self.accented = self.steers.append, self.accents.append

    def send(self, report: object) -> None:
        pass

    def rendered(self, took_s: float) -> None:
        pass


class InlineHost:
    """In place of `stream.composing.host.ComposerHost`. `InlineEgress` has it compose before each block."""

    by_link: ClassVar[dict[str, InlineHost]] = {}
    pid = None

    def __init__(
        self,
        pool: object,
        link: ComposerLink,
        anchor: str,
        seed: int,
        clock: Callable[[], float],
        *,
        ring_samples: int,
        **rest: object,
    ) -> None:
        self._ring_samples = ring_samples
        self._link, self._anchor, self._seed, self._clock = link, anchor, seed, clock
        self._reports = _Reports()
        self._performance: worker._Performance | None = None
        self._composer = SineComposer()
        self._back_s = 0.0
        self.status = ComposerStatus("starting", 0, "")
        self.now_playing: Mapping[str, str | float] = {}
        self.on_notes: Callable[[Any], None] = lambda notes: None
        self.steer_log, self.accent_log = self._reports.steers, self._reports.accents

    def start(self) -> None:
        self.by_link[self._link.name] = self
        self._begin(None)

    def _begin(self, state: bytes | None) -> None:
        self._composer = SineComposer()
        name, capacity, ahead = self._link.name, self._link.ring.capacity, self._ring_samples
        begin = Begin(name, capacity, self._anchor, self._seed, state, 0, float("inf"), ahead)
        self._performance = worker._Performance(self._composer, begin, self._reports)  # type: ignore[arg-type]
        self.status = ComposerStatus("playing", self.status.restarts, "")

    def compose(self) -> None:
        """Make what is to be kept ahead."""
        if self._performance is None and self._clock() >= self._back_s:
            self._begin(self._composer.state())
        while self._performance is not None and self._performance.has_room:
            self._performance.step()

    @property
    def ahead_samples(self) -> int:
        return self._performance.ahead_samples if self._performance is not None else self._ring_samples

    def lose(self, seconds: float) -> None:
        """The process is lost, and another plays on after `seconds`."""
        self._drop()
        self._back_s = self._clock() + seconds
        self.status = ComposerStatus("restarting", self.status.restarts + 1, "lost")

    def _drop(self) -> None:
        if self._performance is not None:
            self._performance.close()
            self._performance = None

    def _tell(self, command: Prime | Accent) -> None:
        if self._performance is not None:
            self._performance.obey(command)

    def steer(self, valence: float, arousal: float) -> None:
        self._link.affect = (valence, arousal)

    def accent(self) -> None:
        self._tell(Accent())

    def set_anchor(self, anchor: str) -> None:
        self._anchor = anchor
        self._tell(Prime(0, anchor, self._seed))

    def set_seed(self, seed: int) -> None:
        self._seed = seed
        self._tell(Prime(0, self._anchor, seed))

    def close(self) -> None:
        self._drop()
        self.by_link.pop(self._link.name, None)


class InlineEgress(Egress):
    """Steps on the event loop, when its pacer says."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._pump())

    async def _pump(self) -> None:
        while not self._stop.is_set():
            wait_s = self._pacer.wait_s(self._clock())
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            for host in list(InlineHost.by_link.values()):
                host.compose()
            self.step()

    async def fade_out(self) -> None:
        await super().fade_out()
        await asyncio.sleep(FADE_OUT_S)

    def close(self) -> None:
        """Raises what ended the pump before its time."""
        super().close()
        if self._task.done() and not self._task.cancelled():
            self._task.result()
        self._task.cancel()


class InlineSensing:
    """In place of `stream.sensing.readers.SensingPool`. `read` gives each session with a picture a turn."""

    lost_threads, able = 0, True

    def carries(self, more: int) -> bool:
        return True

    def __init__(self) -> None:
        self._subjects: list[tuple[BrightnessSensor, LatestFrame, Callable[[Reading], None]]] = []
        self.raising = False

    def add(
        self, name: str, slot: LatestFrame, on_reading: Callable[[Reading], None], *rest: object
    ) -> Callable[[], None]:
        subject = (BrightnessSensor(), slot, on_reading)
        self._subjects.append(subject)

        def remove() -> None:
            with contextlib.suppress(ValueError):
                self._subjects.remove(subject)

        return remove

    def read(self) -> None:
        for sensor, slot, on_reading in self._subjects:
            arrival = slot.take()
            if arrival is not None and not self.raising:
                on_reading(sensor.read(arrival.frame, arrival.t_s))


@contextlib.asynccontextmanager
async def registry() -> AsyncIterator[Sessions]:
    """Sessions on the running loop's clock. Put the stand-ins above in place before anything plays there."""
    services = Services(
        Settings(default_anchor=scripted.PRESETS[0]),
        asyncio.get_running_loop().time,
        InlineSensing(),  # type: ignore[arg-type]
        Ensemble(scripted.offers(), Settings(warm_composers=0)),
        scripted.WINDOWS,
        scripted.PRESETS,
        b"",
    )
    async with Sessions(services) as sessions:
        yield sessions
