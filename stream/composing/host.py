"""A session's side of its composer: steers it, watches it, and starts another when it is lost.

One thread per session owns the process and the pipe. The event loop only sets values and never waits: affect
goes through shared memory, commands through slots where the newest wins.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from stream.clock import Clock
from stream.composing.link import ComposerLink
from stream.composing.losses import BACKOFF_S, MAX_LOSSES, ComposerStatus, Losses, Lost
from stream.composing.messages import (
    Applied,
    AppliedAccent,
    AppliedSteer,
    Begin,
    Failed,
    KeepsAhead,
    Leave,
    Notes,
    NowPlaying,
    Playing,
    Primed,
    Ready,
    Rendered,
    Report,
    Snapshot,
)
from stream.composing.offer import Terms
from stream.composing.piece import Piece
from stream.composing.pool import ComposerPool
from stream.composing.process import ComposerProcess
from stream.composing.succession import Refusal, Succession
from stream.number_log import NumberLog
from stream.ports import SAMPLE_RATE_HZ
from stream.stages import COMPOSE_S

log = logging.getLogger(__name__)

TICK_S = 0.05
DRAIN_WAIT_S = 0.1
"""How much longer than they sound a new composer waits for the old one's last samples to be played."""
CLOSE_GRACE_S = 0.5
LEAVE_S = 2.0
"""How long a composer that makes room for another may take to fade out."""


class ComposerHost:
    """Keeps one piece playing into `link` until `close`.

    `steer`, `accent`, `set_anchor`, `set_seed` and `change` may be called from any thread and return at once.
    """

    def __init__(
        self,
        pool: ComposerPool,
        link: ComposerLink,
        anchor: str,
        seed: int,
        clock: Clock,
        *,
        name: str,
        start_timeout_s: float,
        hang_s: float,
        snapshot_s: float,
        ring_samples: int | None = None,
    ) -> None:
        """The composer runs `ring_samples` ahead at rest; None: always as far as `link` has room."""
        self._link = link
        self._piece = Piece(anchor, seed)
        self._clock = clock
        self._name = name
        self._snapshot_s = snapshot_s

        self.status = ComposerStatus("starting", 0, "")
        self.now_playing: Mapping[str, str | float] = {}
        self.steer_log = NumberLog(AppliedSteer, 8192)
        self.accent_log = NumberLog(AppliedAccent, 1024)
        self.on_notes: Callable[[Notes], None] = lambda notes: None
        """Told of what was played, on the supervisor thread: return at once, never raise."""
        self.on_refusal: Callable[[], None] = lambda: None
        """Told that there is a `refusal`, likewise."""

        self._worker: ComposerProcess | None = None
        self._ready = False
        self._playing = False
        self._losses = Losses()
        self._closing = threading.Event()
        self._wake = threading.Event()
        self.ahead_samples = ring_samples or link.ring.capacity
        """How far the present composer runs ahead."""
        terms = Terms(pool, start_timeout_s, hang_s, self.ahead_samples)
        self._succession = Succession(terms, clock, self._wake)
        self._thread = threading.Thread(target=self._run, name=f"composer-host-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The composer's process, if there is one."""
        worker = self._worker
        return worker.pid if worker is not None else None

    def steer(self, valence: float, arousal: float) -> None:
        """Affect from now on; the newest wins."""
        self._link.affect = (valence, arousal)

    def accent(self) -> None:
        """A cut, now. Cuts that come faster than they can be passed on are one."""
        self._piece.accent()
        self._wake.set()

    def set_anchor(self, anchor: str) -> None:
        """Cross over to another style. Revives a composer that was given up."""
        self._piece.set_anchor(anchor)
        self._wake.set()

    def set_seed(self, seed: int) -> None:
        """Cross over to another piece in the same style."""
        self._piece.set_seed(seed)
        self._wake.set()

    def change(self, terms: Terms) -> None:
        """Let another composer play, in the same style: it is made ready while the present one goes on, which
        then fades out. It plays on if the other cannot be started: see `refusal`. Revives a composer that was
        given up."""
        self._succession.want(terms)

    @property
    def refusal(self) -> Refusal | None:
        """Why the last `change` was not made, if so."""
        return self._succession.refusal

    def close(self) -> None:
        """Stop the music and end the process. Blocks for up to about three seconds. Idempotent."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    # Everything below runs on the supervisor thread.

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                try:
                    if self._succession.settle():
                        self._begin_anew()
                    self._play(*self._succession.take())
                except Lost as loss:
                    self._note_loss(str(loss))
                except (OSError, RuntimeError) as error:  # no process could be started
                    self._note_loss(f"cannot be started: {error}")
        finally:
            self._succession.close()

    def _begin_anew(self) -> None:
        """What was known of one composer is nothing to the next."""
        self._piece.forget()
        self._losses.forget()
        self.now_playing = {}
        self.status = ComposerStatus("starting", self.status.restarts, "")

    def _note_loss(self, reason: str) -> None:
        recent = self._losses.note(self._clock())
        restarts = self.status.restarts + 1
        log.warning("session %s: composer lost (%s), restart %d", self._name, reason, restarts)
        if recent >= MAX_LOSSES:
            number = self._piece.number  # before anybody can know: whoever answers the news is heard
            self.status = ComposerStatus("failed", restarts, reason)
            log.error("session %s: composer given up after %d losses in a row", self._name, recent)
            while number == self._piece.number and not (self._closing.is_set() or self._succession.changing):
                self._rest(1.0)
            self._losses.forget()
        else:
            self.status = ComposerStatus("restarting", restarts, reason)
            self._wait_for_next_try(BACKOFF_S[recent - 1])
        if recent > 1:
            # A state that kills whoever restores it must not be restored again.
            self._piece.forget()

    def _wait_for_next_try(self, seconds: float) -> None:
        """Not for who is wanted in place of the one that was lost."""
        until_s = self._clock() + seconds
        while not (self._closing.is_set() or self._succession.changing):
            left_s = until_s - self._clock()
            if left_s <= 0:
                return
            self._rest(left_s)

    def _play(self, worker: ComposerProcess, ready: bool) -> None:
        """Drive one process until it is lost, makes room for another, or we close. Raises Lost."""
        self._worker = worker
        worker.wake_with(self._wake)
        try:
            self._await_ready(worker, ready)
            if self._ready and not self._closing.is_set():
                self._supervise(worker)
        finally:
            self._worker = None
            worker.end(CLOSE_GRACE_S if self._closing.is_set() else 0.0)

    def _await_ready(self, worker: ComposerProcess, ready: bool) -> None:
        """Returns before it is ready when another is wanted: nobody would hear it. Raises Lost."""
        began, start_timeout_s = self._clock(), self._succession.present.start_timeout_s
        self._ready = ready
        while not self._ready and not self._closing.is_set():
            self._rest(TICK_S)
            self._hear(worker)
            if self._succession.changing and not self._ready:
                return
            if self._clock() - began > start_timeout_s:
                raise Lost(f"it was not ready after {start_timeout_s:.0f} s")
        # Whatever the last composer left is played, and faded out, before the next one starts.
        drained = self._clock() + self._link.ring.available / SAMPLE_RATE_HZ + DRAIN_WAIT_S
        while self._link.ring.available and self._clock() < drained and not self._closing.is_set():
            self._closing.wait(0.005)

    def _supervise(self, worker: ComposerProcess) -> None:
        snapshot, terms = self._piece.begun(), self._succession.present
        self._playing = False
        self.ahead_samples = terms.ring_samples
        worker.tell(
            Begin(
                self._link.name,
                self._link.ring.capacity,
                self._piece.anchor,
                self._piece.seed,
                snapshot.state if snapshot else None,
                snapshot.position if snapshot else 0,
                self._snapshot_s,
                terms.ring_samples,
            )
        )
        beat, stalled_s, last_s = self._link.heartbeat, 0.0, self._clock()
        told = self._succession.refusal
        while not self._closing.is_set():
            self._rest(TICK_S)
            self._hear(worker)
            now = self._clock()
            # Counted in steps of at most two ticks: time in which this machine slept is not a hang.
            stalled_s += min(now - last_s, 2 * TICK_S)
            last_s = now
            if self._link.heartbeat != beat:
                beat, stalled_s = self._link.heartbeat, 0.0
            limit_s = terms.hang_s if self._playing else terms.start_timeout_s
            if stalled_s > limit_s:
                raise Lost(f"it hung for {stalled_s:.1f} s")
            for command in self._piece.due():
                worker.tell(command)
            if self._succession.due():
                self._let_go(worker)
                # Also when it is wanted back meanwhile: it has left, and begins again.
                self.status = ComposerStatus("starting", self.status.restarts, "")
                return
            if (refusal := self._succession.refusal) is not told:
                told = refusal
                self._tell_refusal(refusal)

    def _tell_refusal(self, refusal: Refusal | None) -> None:
        if refusal is not None:
            log.warning("session %s: another composer cannot be started: %s", self._name, refusal.reason)
            self.on_refusal()

    def _let_go(self, worker: ComposerProcess) -> None:
        """Have it fade out, and wait until it has."""
        worker.tell(Leave())
        began = self._clock()
        try:
            while self._clock() - began < LEAVE_S and not self._closing.is_set():
                self._rest(TICK_S)
                self._hear(worker)
        except Lost:  # it has left
            return

    def _rest(self, timeout_s: float) -> None:
        """Until there is something to do, but no longer than that."""
        self._wake.wait(timeout_s)
        self._wake.clear()

    def _hear(self, worker: ComposerProcess) -> None:
        """Take in everything the process has said. Raises Lost when it has failed or ended."""
        alive = worker.alive  # asked first: whatever it said before it ended is heard below
        while (report := worker.hear()) is not None:
            self._note(worker, report)
        if not alive:
            raise Lost(f"its process ended with code {worker.exit_code}")

    def _note(self, worker: ComposerProcess, report: Report) -> None:
        match report:
            case Ready():
                self._ready = True
            case Playing():
                self._playing = True
                self.status = ComposerStatus("playing", self.status.restarts, "")
                log.info("session %s: composer %d plays", self._name, worker.pid)
            case Primed(_, error):
                self._piece.hear(report)
                if error:
                    log.warning("session %s: the composer takes no such anchor: %s", self._name, error)
            case Applied(steers, accents):
                self.steer_log.extend(steers)
                self.accent_log.extend(accents)
            case Snapshot():
                self._piece.hear(report)
            case NowPlaying(words):
                self.now_playing = words
            case Notes():
                self.on_notes(report)
            case Rendered(took_s):
                for seconds in took_s:
                    COMPOSE_S.observe(seconds)
            case KeepsAhead(samples):
                before_ms, now_ms = self.ahead_samples / 48.0, samples / 48.0
                self.ahead_samples = samples
                log.info("session %s: music is made %.0f ms ahead, not %.0f", self._name, now_ms, before_ms)
            case Failed(error):
                raise Lost(error)
