"""One live score: a publisher, its listeners, the sensor's window, a composer, and the music going out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from av import VideoFrame

from stream.composing.host import ComposerHost, ComposerStatus
from stream.composing.link import ComposerLink
from stream.composing.messages import AppliedAccent, AppliedSteer
from stream.errors import Refused
from stream.latest_frame import LatestFrame
from stream.number_log import NumberLog
from stream.ports import Affect, AnchorReply, Reading
from stream.recording.recorder import Look, Recorder
from stream.sensing.mood import MAX_READINGS_KEPT, Mood
from stream.session.peers import SessionPeers
from stream.session.services import Services
from stream.sound.ducking import Ducker
from stream.sound.egress import Egress, Tap
from stream.sound.listener_queue import ListenerQueue

log = logging.getLogger(__name__)

_STARTING = ComposerStatus("starting", 0, "")


DUCK_SOURCES = ("none", "obs", "publisher", "page")


class ObsStatus(NamedTuple):
    """For the page. `state` is off, connecting or connected; `scene` the program scene's name."""

    state: str
    scene: str


class Passed(NamedTuple):
    """An estimate as it was passed to the composer, and when, in session seconds."""

    t_s: float
    valence: float
    arousal: float
    confidence: float


class Session:
    """Made by `stream.session.sessions.Sessions`; lives on the event loop while `run` does."""

    def __init__(self, name: str, services: Services) -> None:
        self.name = name
        self.id = secrets.token_hex(4)
        """Tells this session from an earlier one of the same name, whose settings are lost."""
        self._services = services
        self._settings = services.settings
        self._clock = services.clock
        self._began_s = self._clock()
        self.seed = secrets.randbits(31) if self._settings.seed is None else self._settings.seed

        self.anchor_text = services.default_anchor
        self.anchor: AnchorReply = services.read_anchor(self.anchor_text)
        self._anchor_open = not self._settings.default_anchor
        """Whether nobody has chosen a style, so that the picture may, once."""
        self.volume = 1.0
        self.muted = False
        self.pages = 0
        """Telemetry sockets open."""
        self._outlets: set[ListenerQueue[Any]] = set()
        self._keepers = 0
        self._remarks: dict[str, Callable[[], str]] = {}

        self.slot = LatestFrame()
        self.mood = Mood(services.windows, services.default_reactivity)
        self.affect_log = NumberLog(Passed, MAX_READINGS_KEPT)
        self.ducker = Ducker()
        self.duck_source = "none"
        """Whose voice makes the music step aside: none, obs, publisher or page."""
        self.obs_status = ObsStatus("off", "")

        self.peers = SessionPeers(
            name,
            services.settings,
            self.slot,
            time_s=self.time_s,
            play=self.play,
            changed=self.touch,
            spawn=self._spawn,
            silence=services.silence,
            hear_voice=lambda level_db: self.hear_voice("publisher", level_db),
        )
        self._link: ComposerLink | None = None
        self._host: ComposerHost | None = None
        self.egress: Egress | None = None

        self.recorder: Recorder | None = None
        """The present recording, or the last."""

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
        return len(self.peers) > 0 or self.pages > 0 or bool(self._outlets) or self._keepers > 0

    @property
    def listeners(self) -> int:
        """Over WebRTC, HTTP and WebSocket together."""
        return self.peers.listeners + len(self._outlets)

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
        stop_sensing = self._services.sensing.add(
            self.name, self.slot, self._on_reading, self._on_anchor, self._on_sensor_trouble
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                control = tasks.create_task(self._control())
                await self._closing.wait()
                if self.egress is not None:
                    await self.egress.fade_out()
                self.end_outlets()
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
        if self.recorder is not None:
            self.recorder.stop()
            self.recorder.join()
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
        if settings.record:
            self.set_recording(True)
        return self.egress

    @contextlib.contextmanager
    def outlet(self, queue: ListenerQueue[Any]) -> Iterator[Egress]:
        """While the block runs, whoever empties `queue` counts as a listener; it is ended with the session.

        Raises Refused 503 when there are as many such listeners as may be, or the session is ending.
        """
        if len(self._outlets) >= self._settings.max_listeners:
            raise Refused(503, "This session has as many listeners as it can carry: try again later.", 10)
        egress = self.play()
        self._outlets.add(queue)
        self.touch()
        try:
            yield egress
        finally:
            self._outlets.discard(queue)
            self.touch()

    def end_outlets(self) -> None:
        """Tell every listener over HTTP and WebSocket that the music is over."""
        for queue in self._outlets:
            queue.end()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """While the block runs, the session is in use: something of our own feeds it or plays it."""
        self._keepers += 1
        self.touch()
        try:
            yield
        finally:
            self._keepers -= 1
            self.touch()

    def remark(self, about: str, say: Callable[[], str] | None) -> None:
        """Have `say()` shown to the user while it is not empty; None: no more is to be said `about` this."""
        self._remarks.pop(about, None)
        if say is not None:
            self._remarks[about] = say

    async def until_closing(self) -> None:
        await self._closing.wait()

    @contextlib.contextmanager
    def own_picture(self) -> Iterator[Callable[[VideoFrame], None]]:
        """While the block runs, we have a picture of our own to show (a file, OBS): gives what takes each
        frame, from any thread. A publisher's picture comes first."""
        with self.kept(), self.peers.own_picture():

            def put(frame: VideoFrame) -> None:
                if not self.peers.published:
                    self.slot.put(frame, self.time_s())

            self.play()
            yield put

    # Picture to affect to composer.

    async def _control(self) -> None:
        """At control rate: the window's estimate, passed on when it has changed."""
        period_s = 1.0 / self._settings.control_hz
        passed: tuple[float, float] | None = None
        while True:
            await asyncio.sleep(period_s)
            affect = self.mood.estimate(self.time_s())
            pair = (affect.valence, affect.arousal)
            if pair != passed and self._host is not None:
                self._host.steer(*pair)
                self.affect_log.append(Passed(self.time_s(), *affect))
                passed = pair
            if self.egress is not None:
                self.egress.set_duck(10 ** (self.duck_db / 20))

    def _on_reading(self, reading: Reading) -> None:
        """On a sensing thread."""
        try:
            self._loop.call_soon_threadsafe(self._note, reading)
        except RuntimeError:  # the loop closed while the sensor was reading
            return

    def _note(self, reading: Reading) -> None:
        if self.closing:
            return
        if self.mood.take(reading):
            self._accent()

    def _on_anchor(self, text: str) -> None:
        """On a sensing thread."""
        try:
            self._loop.call_soon_threadsafe(self.propose_anchor, text)
        except RuntimeError:  # as above
            return

    def _on_sensor_trouble(self, words: str) -> None:
        """On any thread."""
        with contextlib.suppress(RuntimeError):  # as above
            self._loop.call_soon_threadsafe(self.remark, "sensor", (lambda: words) if words else None)

    def propose_anchor(self, text: str) -> None:
        """The style the picture asks for: taken if nobody has chosen one and it can be played, then held."""
        if self.closing or not self._anchor_open:
            return
        try:
            meant = self._services.read_anchor(text).understood
        except ValueError:
            meant = ()
        if meant:
            self.set_anchor(text)
            log.info("session %s: anchored to what the picture asks for: %s", self.name, text)
        else:
            log.warning("session %s: the anchor written from the picture says nothing playable", self.name)

    def mark_cut(self) -> None:
        """There is a cut in the picture, now: OBS says so."""
        if self.mood.told_of_cut(self.time_s()):
            self._accent()

    def _accent(self) -> None:
        if self._host is not None and not self.mood.held:
            self._host.accent()

    def hear_voice(self, source: str, level_db: float) -> None:
        """The level of somebody's voice, dB below full scale; heard if `source` is the `duck_source`."""
        if source == self.duck_source:
            self.ducker.hear(level_db, self._clock())

    @property
    def duck_db(self) -> float:
        """How far the music steps aside just now: 0 or less."""
        return self.ducker.gain_db(self._clock())

    def set_recording(self, on: bool) -> None:
        """Begin a recording, or end the present one; returns at once. Raises Refused as `play` does."""
        if self.recorder is not None and self.recorder.on == on:
            return
        self.remark("recording", None)
        if self.recorder is not None:
            self.recorder.stop()
            self.remove_tap(self.recorder.tap)
        if on:
            egress = self.play()
            folder = Path(self._settings.record_folder)
            services = self._services
            recorder = Recorder(folder, self.name, self._look, services.provenance, services.open_notes)
            self.recorder = recorder
            self.remark("recording", lambda: recorder.trouble)
            recorder.start()
            egress.add_tap(recorder.tap)
            if self._host is not None:
                self._host.on_notes = recorder.take_notes

    def _look(self) -> Look:
        """For the recording's thread."""
        settings = {"anchor": {"text": self.anchor_text, **self.anchor._asdict()}, "seed": self.seed}
        return Look(self.mood.affect, self.mood.reading, self.mood.cuts.count, settings)

    # What pages show and set.

    @property
    def reactivities(self) -> tuple[str, ...]:
        return tuple(self._services.windows)

    @property
    def affect(self) -> Affect:
        return self.mood.affect

    @property
    def reading(self) -> Reading | None:
        return self.mood.reading

    @property
    def readings(self) -> int:
        return self.mood.readings

    @property
    def reading_log(self) -> NumberLog[Reading]:
        return self.mood.reading_log

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
        """Hear every block that leaves (see `stream.sound.egress.Tap`); starts the music if need be."""
        self.play().add_tap(tap)

    def remove_tap(self, tap: Tap) -> None:
        if self.egress is not None:
            self.egress.remove_tap(tap)

    def set_anchor(self, text: str) -> AnchorReply:
        """Change the style. Raises ValueError with a sentence when the text cannot be an anchor."""
        self.anchor = self._services.read_anchor(text)
        self.anchor_text = text
        self._anchor_open = False
        if self._host is not None:
            self._host.set_anchor(text)
        return self.anchor

    def another(self) -> None:
        """Something else in the same style: a new seed."""
        self.seed = secrets.randbits(31)
        if self._host is not None:
            self._host.set_seed(self.seed)

    def steer(self, valence: float, arousal: float) -> None:
        """Steer by hand, at once: affect stays there for `stream.sensing.mood.OVERRIDE_S` unless renewed."""
        self.mood.override(valence, arousal, self.time_s())
        if self._host is not None:
            self._host.steer(valence, arousal)

    def set_volume(self, volume: float) -> None:
        self.volume = volume
        self._set_gain()

    def set_muted(self, muted: bool) -> None:
        self.muted = muted
        self._set_gain()

    def panic(self) -> None:
        """Silence for everybody within one block; unmuting ends it."""
        self.muted = True
        if self.egress is not None:
            self.egress.cut_off()
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
        remark = next((words for say in self._remarks.values() if (words := say())), "")
        if remark:
            return remark
        if self.peers.video_state == "gone":
            return "The picture has stopped coming: the music goes on and drifts to neutral."
        return ""
