"""One live score: a publisher, its listeners, the sensor's window, a composer, and the music going out."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import NamedTuple

from stream.composer_host import ComposerHost, ComposerStatus
from stream.composer_link import ComposerLink
from stream.composer_messages import AppliedAccent, AppliedSteer
from stream.egress import Egress, Tap
from stream.errors import Refused
from stream.latest_frame import LatestFrame
from stream.number_log import NumberLog
from stream.ports import Affect, AnchorReply, Reading
from stream.services import Services
from stream.session_peers import SessionPeers

log = logging.getLogger(__name__)

MAX_CUTS_KEPT = 32
MAX_READINGS_KEPT = 4096
_STARTING = ComposerStatus("starting", 0, "")


class Passed(NamedTuple):
    """An estimate as it was passed to the composer, and when, in session seconds."""

    t_s: float
    valence: float
    arousal: float
    confidence: float


class Session:
    """Made by `stream.sessions.Sessions`; lives on the event loop while `run` does."""

    def __init__(self, name: str, services: Services) -> None:
        self.name = name
        self._services = services
        self._settings = services.settings
        self._clock = services.clock
        self._began_s = self._clock()
        self.seed = secrets.randbits(31) if self._settings.seed is None else self._settings.seed

        self.anchor_text = services.default_anchor
        self.anchor: AnchorReply = services.read_anchor(self.anchor_text)
        self.volume = 1.0
        self.muted = False
        self.held = False
        self.pages = 0
        """Telemetry sockets open."""

        self.slot = LatestFrame()
        self._window = services.window_factory()
        self.affect = Affect(0.0, 0.0, 0.0)
        self.reading: Reading | None = None
        self.readings = 0
        self.reading_log = NumberLog(Reading, MAX_READINGS_KEPT)
        self.affect_log = NumberLog(Passed, MAX_READINGS_KEPT)
        self.cuts: deque[tuple[int, float]] = deque(maxlen=MAX_CUTS_KEPT)
        """(number, session seconds): each page asks for those it has not seen."""
        self.cut_count = 0

        self.peers = SessionPeers(
            name,
            services.settings,
            self.slot,
            time_s=self.time_s,
            play=self.play,
            changed=self.touch,
            spawn=self._spawn,
            silence=services.silence,
        )
        self._link: ComposerLink | None = None
        self._host: ComposerHost | None = None
        self.egress: Egress | None = None

        self._loop = asyncio.get_running_loop()
        self._tasks: asyncio.TaskGroup | None = None
        self._closing = asyncio.Event()
        self._closed = asyncio.Event()
        self.idle_since_s = self._clock()
        self._used = False

    # Life.

    def time_s(self) -> float:
        """Seconds since the session began."""
        return self._clock() - self._began_s

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    @property
    def in_use(self) -> bool:
        return len(self.peers) > 0 or self.pages > 0

    def touch(self) -> None:
        """Something came or went: the idle time starts anew."""
        self.idle_since_s = self._clock()
        self._used = True

    @property
    def forgotten(self) -> bool:
        """Whether nobody uses this session any more, or an offer that was refused is all it ever had."""
        patience_s = self._settings.idle_end_s if self._used else self._settings.connect_timeout_s
        return not self.in_use and self._clock() - self.idle_since_s > patience_s

    async def run(self) -> None:
        """Own everything of this session until `close`; free it all before returning."""
        stop_sensing = self._services.sensing.add(self.name, self.slot, self._on_reading)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                control = tasks.create_task(self._control())
                await self._closing.wait()
                if self.egress is not None:
                    await self.egress.fade_out()
                control.cancel()
        finally:
            stop_sensing()
            self._closing.set()
            await self.peers.close()
            # Threads and a process to be joined: not on the loop, and not to be interrupted half-way.
            await asyncio.shield(asyncio.to_thread(self._free))
            self._closed.set()
            log.info("session %s: ended after %.0f s", self.name, self.time_s())

    async def close(self) -> None:
        """Fade out, close every peer, end the composer. Idempotent."""
        self._closing.set()
        await self._closed.wait()

    def _free(self) -> None:
        if self._host is not None:
            self._host.close()
        if self.egress is not None:
            self.egress.close()
        if self._link is not None:
            self._link.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if self._tasks is None or self.closing:
            work.close()
        else:
            self._tasks.create_task(work)

    def play(self) -> Egress:
        """Start the music, if it has not started: with the first peer, so that an open page costs nothing.

        Raises Refused 503 when the session is ending.
        """
        if self.egress is not None:
            return self.egress
        if self.closing:
            raise Refused(503, "This session is ending: try again.", 2)
        settings = self._settings
        self._link = ComposerLink.create(settings.ring_samples)
        self._host = ComposerHost(
            self._services.composers,
            self._link,
            self.anchor_text,
            self.seed,
            self._clock,
            name=self.name,
            start_timeout_s=settings.composer_start_timeout_s,
            hang_s=settings.composer_hang_s,
            snapshot_s=settings.composer_snapshot_s,
        )
        self.egress = Egress(
            self._link.ring,
            self._clock,
            self._loop,
            name=self.name,
            bit_rate=settings.opus_bit_rate,
            refill_samples=settings.ring_samples // 2,
        )
        self.egress.set_gain(self.volume, self.muted)
        self._host.start()
        self.egress.start()
        log.info("session %s: music starts", self.name)
        return self.egress

    # Picture to affect to composer.

    async def _control(self) -> None:
        """At control rate: the window's estimate, passed on when it has changed."""
        period_s = 1.0 / self._settings.control_hz
        passed: tuple[float, float] | None = None
        while True:
            await asyncio.sleep(period_s)
            if not self.held:
                self.affect = self._window.estimate(self.time_s())
            pair = (self.affect.valence, self.affect.arousal)
            if pair != passed and self._host is not None:
                self._host.steer(*pair)
                self.affect_log.append(Passed(self.time_s(), *self.affect))
                passed = pair

    def _on_reading(self, reading: Reading) -> None:
        """On a sensing thread."""
        try:
            self._loop.call_soon_threadsafe(self._note, reading)
        except RuntimeError:  # the loop closed while the sensor was reading
            return

    def _note(self, reading: Reading) -> None:
        if self.closing:
            return
        self.readings += 1
        self.reading = reading
        self.reading_log.append(reading)
        self._window.add(reading)
        if reading.cut:
            self.cut_count += 1
            self.cuts.append((self.cut_count, reading.t_s))
            if self._host is not None and not self.held:
                self._host.accent()

    # What pages show and set.

    @property
    def composer_status(self) -> ComposerStatus:
        return self._host.status if self._host is not None else _STARTING

    @property
    def now_playing(self) -> Mapping[str, str | float]:
        return self._host.now_playing if self._host is not None else {}

    @property
    def composer_pid(self) -> int | None:
        return self._host.pid if self._host is not None else None

    @property
    def buffer_ms(self) -> float:
        return self._link.ring.available / 48.0 if self._link is not None and not self.closing else 0.0

    @property
    def steer_log(self) -> list[AppliedSteer]:
        """The last few thousand steers as the composer applied them, oldest first."""
        return list(self._host.steer_log) if self._host is not None else []

    @property
    def accent_log(self) -> list[AppliedAccent]:
        """Likewise the cuts it was told of."""
        return list(self._host.accent_log) if self._host is not None else []

    def add_tap(self, tap: Tap) -> None:
        """Hear every block that leaves (see `stream.egress.Tap`); starts the music if need be."""
        self.play().add_tap(tap)

    def remove_tap(self, tap: Tap) -> None:
        if self.egress is not None:
            self.egress.remove_tap(tap)

    def set_anchor(self, text: str) -> AnchorReply:
        """Change the style. Raises ValueError with a sentence when the text cannot be an anchor."""
        self.anchor = self._services.read_anchor(text)
        self.anchor_text = text
        if self._host is not None:
            self._host.set_anchor(text)
        return self.anchor

    def steer(self, valence: float, arousal: float) -> None:
        """Steer by hand: affect is held there until `held` is set to False."""
        self.held = True
        self.affect = Affect(valence, arousal, 1.0)
        if self._host is not None:
            self._host.steer(valence, arousal)

    def set_volume(self, volume: float) -> None:
        self.volume = volume
        self._set_gain()

    def set_muted(self, muted: bool) -> None:
        self.muted = muted
        self._set_gain()

    def _set_gain(self) -> None:
        if self.egress is not None:
            self.egress.set_gain(self.volume, self.muted)

    @property
    def notice(self) -> str:
        """A sentence for the user, or empty."""
        status = self.composer_status
        if status.state == "failed":
            return f"The music has stopped ({status.error}): set the anchor again to restart it."
        if status.state == "restarting":
            return "The music is being restarted."
        if self.peers.video_state == "gone":
            return "The picture has stopped coming: the music goes on and drifts to neutral."
        return ""
