"""One live score: a publisher, its listeners, the sensor's window, a composer, and the music going out.

What it does is done by its parts: `attendance` knows who uses it, `peers` who is connected, `control` goes
from picture to affect to steers, `style` holds anchor and seed, `music` is composer and egress, `remarks`
what the user is told. Here they are put together, begun and ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from av import VideoFrame

from stream.composing.losses import ComposerStatus
from stream.composing.messages import AppliedAccent, AppliedSteer
from stream.composing.offer import Offer
from stream.errors import Refused
from stream.latest_frame import LatestFrame
from stream.number_log import NumberLog
from stream.ports import Affect, AnchorReply, Reading
from stream.recording.recorder import Recorder
from stream.sensing.mood import Mood
from stream.session.attendance import Attendance
from stream.session.control import Control, Passed
from stream.session.music import Music
from stream.session.peers import SessionPeers
from stream.session.recordings import Recordings
from stream.session.remarks import Remarks
from stream.session.services import Services
from stream.session.style import Style
from stream.sound.egress import Egress, Tap
from stream.sound.listener_queue import ListenerQueue

log = logging.getLogger(__name__)

T = TypeVar("T")

REFUSAL_TOLD_S = 60.0
"""That a composer could not be started is told for so long, unless another plays before."""


class ObsStatus(NamedTuple):
    """For the page. `state` is off, connecting or connected; `scene` the program scene's name."""

    state: str
    scene: str


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
        self._loop = asyncio.get_running_loop()

        self.slot = LatestFrame()
        self.music = Music(name, services, self._loop)
        self.style = Style(name, services, self.music)
        self.music.on_refusal = self._composer_refused
        self.control = Control(services, self.music, self.time_s)
        self.remarks = Remarks()
        self.set_by_clients: set[str] = set()
        """What clients have set since the session began, by their messages' types."""
        self.obs_status = ObsStatus("off", "")
        self.recordings = Recordings(
            name, services, music=self.music, style=self.style, control=self.control, remarks=self.remarks
        )
        self.attendance = Attendance(services.settings, services.clock, lambda: len(self.peers))
        self.peers = SessionPeers(
            name,
            services.settings,
            self.slot,
            time_s=self.time_s,
            play=self.play,
            changed=self.attendance.touch,
            spawn=self._spawn,
            silence=services.silence,
            hear_voice=partial(self.control.hear_voice, "publisher"),
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._closing = asyncio.Event()
        self._closed = asyncio.Event()

    # Life.

    def time_s(self) -> float:
        """Seconds since the session began."""
        return self._clock() - self._began_s

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    async def until_closing(self) -> None:
        await self._closing.wait()

    async def run(self) -> None:
        """Own everything of this session until `close`; free it all before returning."""
        stop_sensing = self._services.sensing.add(
            self.name,
            self.slot,
            partial(self._soon, self._note),
            partial(self._soon, self.propose_anchor),
            partial(self._soon, self._sensor_trouble),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                control = tasks.create_task(self.control.run())
                await self._closing.wait()
                await self.music.fade_out()
                control.cancel()
        finally:
            stop_sensing()
            self._closing.set()
            self.attendance.end_outlets()
            try:
                await self.peers.close()
            finally:
                await self._end()

    async def _end(self) -> None:
        try:
            # Threads and a process to be joined: not on the loop, and not to be interrupted half-way.
            await asyncio.shield(asyncio.to_thread(self._free))
        finally:
            self._closed.set()
            log.info("session %s: ended after %.0f s", self.name, self.time_s())

    async def close(self) -> None:
        """Fade out, close every peer, end the composer. Idempotent."""
        self._closing.set()
        await self._closed.wait()

    def _free(self) -> None:
        # From the last to the first, each of them whatever another raises.
        with contextlib.ExitStack() as steps:
            steps.callback(self.music.free)
            steps.callback(self.recordings.finish)
            steps.callback(self.music.stop)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        if self._tasks is None or self.closing:
            work.close()
        else:
            self._tasks.create_task(work)

    # From the sensing threads.

    def _soon(self, take: Callable[[T], None], what: T) -> None:
        """Have `take(what)` called on the event loop. On any thread."""
        with contextlib.suppress(RuntimeError):  # the loop closed while the sensor was reading
            self._loop.call_soon_threadsafe(take, what)

    def _note(self, reading: Reading) -> None:
        if not self.closing:
            self.control.note(reading)

    def propose_anchor(self, text: str) -> None:
        """The style the picture asks for: see `stream.session.style.Style.propose`."""
        if not self.closing:
            self.style.propose(text)

    def _sensor_trouble(self, words: str) -> None:
        self.remark("sensor", (lambda: words) if words else None)

    # From the composer's supervisor.

    def _composer_refused(self, wanted: Offer, reason: str) -> None:
        self.style.keep_composer()
        stays, until_s = self.music.composer, self._clock() + REFUSAL_TOLD_S
        words = f"{wanted.title} could not be started ({reason}): {stays.title} plays on."
        self.remark(
            "composer", lambda: words if self.music.composer is stays and self._clock() < until_s else ""
        )

    # Ways in and out.

    def play(self) -> Egress:
        """Start the music, if it has not started: with the first peer, so that an open page costs nothing.

        Raises Refused 503 when the session is ending.
        """
        if self.music.egress is not None:
            return self.music.egress
        if self.closing:
            raise Refused(503, "This session is ending: try again.", 2)
        egress = self.music.start(self.style.text, self.style.seed)
        if self._settings.record:
            self.set_recording(True)
        return egress

    @contextlib.contextmanager
    def outlet(self, queue: ListenerQueue[Any]) -> Iterator[Egress]:
        """While the block runs, whoever empties `queue` counts as a listener; it is ended with the session.

        Raises Refused 503 when there are as many such listeners as may be, or the session is ending.
        """
        self.attendance.require_room()
        egress = self.play()
        with self.attendance.outlet(queue):
            yield egress

    @contextlib.contextmanager
    def own_picture(self) -> Iterator[Callable[[VideoFrame], None]]:
        """While the block runs, we have a picture of our own to show (a file, OBS): gives what takes each
        frame, from any thread. A publisher's picture comes first."""
        with self.attendance.kept(), self.peers.own_picture():

            def put(frame: VideoFrame) -> None:
                if not self.peers.published:
                    self.slot.put(frame, self.time_s())

            self.play()
            yield put

    def add_tap(self, tap: Tap) -> None:
        """Hear every block that leaves (see `stream.sound.egress.Tap`); starts the music if need be."""
        self.play().add_tap(tap)

    def remove_tap(self, tap: Tap) -> None:
        self.music.remove_tap(tap)

    def set_recording(self, on: bool) -> None:
        """Begin a recording, or end the present one; returns at once. Raises Refused as `play` does."""
        self.recordings.set(on, self.play)

    # What pages, bench and tests see and set: said by the parts.

    @property
    def listeners(self) -> int:
        """Over WebRTC, HTTP and WebSocket together."""
        return self.peers.listeners + self.attendance.outlets

    @property
    def notice(self) -> str:
        """A sentence for the user, or empty."""
        return self.remarks.notice(self.music.status, self.peers.video_state)

    def remark(self, about: str, say: Callable[[], str] | None) -> None:
        """Have `say()` shown to the user while it is not empty; None: no more is to be said `about` this."""
        self.remarks.put(about, say)

    @property
    def recorder(self) -> Recorder | None:
        """The present recording, or the last."""
        return self.recordings.recorder

    @property
    def egress(self) -> Egress | None:
        """None before the music has started."""
        return self.music.egress

    @property
    def composer_status(self) -> ComposerStatus:
        return self.music.status

    @property
    def composer_pid(self) -> int | None:
        return self.music.pid

    @property
    def now_playing(self) -> Mapping[str, str | float]:
        return self.music.now_playing

    @property
    def buffer_ms(self) -> float:
        return self.music.buffer_ms if not self.closing else 0.0

    @property
    def ahead_ms(self) -> float:
        """How far ahead of the listener music is made, more where it has been late; 0 before it starts."""
        return self.music.ahead_ms

    @property
    def steer_log(self) -> list[AppliedSteer]:
        """The last few thousand steers as the composer applied them, oldest first."""
        return self.music.steer_log

    @property
    def accent_log(self) -> list[AppliedAccent]:
        """Likewise the cuts it was told of."""
        return self.music.accent_log

    @property
    def mood(self) -> Mood:
        return self.control.mood

    @property
    def affect(self) -> Affect:
        return self.control.mood.affect

    @property
    def reading(self) -> Reading | None:
        return self.control.mood.reading

    @property
    def readings(self) -> int:
        return self.control.mood.readings

    @property
    def reading_log(self) -> NumberLog[Reading]:
        return self.control.mood.reading_log

    @property
    def affect_log(self) -> NumberLog[Passed]:
        return self.control.affect_log

    def steer(self, valence: float, arousal: float) -> None:
        """Steer by hand, at once: see `stream.session.control.Control.steer`."""
        self.control.steer(valence, arousal)

    def set_anchor(self, text: str) -> AnchorReply:
        """Change the style. Raises ValueError with a sentence when the text cannot be an anchor."""
        return self.style.choose(text)
