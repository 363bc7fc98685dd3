"""The composer's own process: steer, render a block, put it in the ring, for as long as the session lives.

The main thread owns the composer. One thread reads commands, one sends reports; neither can make the
music wait. When the parent dies the pipe ends and so does this process.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import signal
import threading
import time
from collections import deque
from multiprocessing.connection import Connection
from typing import TypeVar

import numpy as np

from stream.composing.ahead import ROOM, Ahead
from stream.composing.link import ComposerLink
from stream.composing.messages import (
    Accent,
    Applied,
    AppliedAccent,
    AppliedSteer,
    Begin,
    Close,
    Command,
    Failed,
    KeepsAhead,
    Leave,
    Notes,
    NowPlaying,
    Playing,
    Prime,
    Primed,
    Ready,
    Rendered,
    Report,
    Snapshot,
)
from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Closes, Composer, ComposerFactory, TellsNotes
from stream.precedence import put_music_first

log = logging.getLogger(__name__)

BLOCK_SAMPLES = 480
"""Affect takes effect on this grid of 10 ms."""
NAP_S = 0.04
"""How long a full ring is left alone. Who wakes finds the caches cold, so several blocks are made each time.
A change is heard no later for it: it waits for the waking, and then for a ring that holds that much less."""
LET_DOWN = 3
"""One part in so many of what is kept ahead, at most: a short ring is looked at more often."""
FADE_OUT_BLOCKS = 20
"""How a composer makes room for another: 200 ms, then enough silence for the reader to find no hole."""
SILENT_BLOCKS = 3
LEAVE_S = 1.5
NOW_PLAYING_EVERY_S = 1.0
REPORTS_EVERY_S = 0.05
RENDERS_TOLD = 100
"""How many blocks are told of at once: a second's."""
MAX_STATE_BYTES = 16 << 20
_ORPHAN_GRACE_S = 1.0

T = TypeVar("T")


class Reporter(threading.Thread):
    """Sends reports in the background. Bounded; when the parent is slow the oldest of each kind are lost."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(name="composer-reports", daemon=True)
        self._pipe = pipe
        self._steers: deque[AppliedSteer] = deque(maxlen=1024)
        self._accents: deque[AppliedAccent] = deque(maxlen=256)
        self._notes: deque[object] = deque(maxlen=2048)
        self._rendered: deque[float] = deque(maxlen=10 * RENDERS_TOLD)
        self._reports: deque[Report] = deque(maxlen=64)
        self._wake = threading.Event()
        self._sending = threading.Lock()

    def steered(self, steer: AppliedSteer) -> None:
        self._steers.append(steer)
        self._wake.set()

    def accented(self, accent: AppliedAccent) -> None:
        self._accents.append(accent)
        self._wake.set()

    def noted(self, notes: tuple[object, ...]) -> None:
        self._notes.extend(notes)
        self._wake.set()

    def rendered(self, took_s: float) -> None:
        self._rendered.append(took_s)
        if len(self._rendered) >= RENDERS_TOLD:
            self._wake.set()

    def send(self, report: Report) -> None:
        self._reports.append(report)
        self._wake.set()

    def run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if not self.flush():
                return
            time.sleep(REPORTS_EVERY_S)

    def flush(self) -> bool:
        """False when nobody listens any more."""
        with self._sending:
            try:
                while self._reports:
                    self._pipe.send(self._reports.popleft())
                if self._steers or self._accents:
                    self._pipe.send(Applied(_drained(self._steers), _drained(self._accents)))
                if self._notes:
                    self._pipe.send(Notes(os.getpid(), _drained(self._notes)))
                if len(self._rendered) >= RENDERS_TOLD:
                    self._pipe.send(Rendered(_drained(self._rendered)))
            except OSError:
                return False
            return True


def _drained(waiting: deque[T]) -> tuple[T, ...]:
    return tuple(waiting.popleft() for _ in range(len(waiting)))


def _read_commands(pipe: Connection, commands: queue.SimpleQueue[Command]) -> None:
    try:
        while True:
            commands.put(pipe.recv())
    except (EOFError, OSError):
        commands.put(Close())
        # The main thread may be stuck inside the composer: an orphan must not live on.
        time.sleep(_ORPHAN_GRACE_S)
        os._exit(1)


class _Performance:
    """One composer playing into one link."""

    def __init__(self, composer: Composer, begin: Begin, reporter: Reporter) -> None:
        self._composer = composer
        # Asked once: to look a protocol up takes as long as a small product.
        self._teller = composer if isinstance(composer, TellsNotes) else None
        self._reporter = reporter
        self._link = ComposerLink.attach(begin.link, begin.capacity)
        self._snapshot_every_s = begin.snapshot_every_s
        floor = min(begin.ring_samples, begin.capacity)
        self._ahead = Ahead(floor, min(ROOM * floor, begin.capacity))
        self._position = 0
        if begin.state is None:
            composer.prime(begin.anchor, begin.seed)
        else:
            composer.restore(begin.state, exact=False)  # silence is heard by all, another phase by nobody
            self._position = begin.position
        self._affect: tuple[float, float] | None = None
        now = time.monotonic()
        self._next_words_s = now
        self._next_snapshot_s = now + begin.snapshot_every_s
        self._announced = False

    def obey(self, command: Command) -> None:
        match command:
            case Prime(number, anchor, seed):
                try:
                    self._composer.prime(anchor, seed)
                except ValueError as error:
                    self._reporter.send(Primed(number, str(error)))
                else:
                    self._reporter.send(Primed(number, ""))
                self._next_words_s = 0.0
            case Accent():
                self._composer.accent(self._position)
                self._reporter.accented(
                    AppliedAccent(self._position, self._link.ring.written, time.monotonic())
                )
            case Begin() | Close() | Leave():  # handled by `run`
                pass

    @property
    def has_room(self) -> bool:
        """Whether a block more is to be made now."""
        return self._ahead.has_room(self._link.ring.available, BLOCK_SAMPLES)

    @property
    def ahead_samples(self) -> int:
        """How many are kept ahead of the listener."""
        return self._ahead.samples

    @property
    def _nap_s(self) -> float:
        return min(NAP_S, self._ahead.samples / SAMPLE_RATE_HZ / LET_DOWN)

    def step(self) -> None:
        """Steer, then render one block if there is room for it, else wait a moment."""
        self._link.beat()
        if not self.has_room:
            self._tell()
            time.sleep(self._nap_s)
            return
        affect = self._link.affect
        if affect != self._affect:
            self._affect = affect
            self._composer.steer(*affect, self._position)
            self._reporter.steered(
                AppliedSteer(self._position, self._link.ring.written, time.monotonic(), *affect)
            )
        began_s = time.perf_counter()
        block = self._composer.render(BLOCK_SAMPLES)
        self._reporter.rendered(time.perf_counter() - began_s)
        if block.shape != (BLOCK_SAMPLES, CHANNELS):
            raise ValueError(f"render({BLOCK_SAMPLES}) returned an array of shape {block.shape}")
        # Between two blocks the ring is only read, so it never holds less than right now.
        if self._ahead.note(self._link.ring.available, BLOCK_SAMPLES):
            self._reporter.send(KeepsAhead(self._ahead.samples))
        self._link.ring.write(block)
        self._position += BLOCK_SAMPLES
        if self._teller is not None and (notes := self._teller.take_notes()):
            self._reporter.noted(notes)
        if not self._announced:
            self._announced = True
            self._reporter.send(Playing())

    def _tell(self) -> None:
        """Only called when the ring is full: looking at the composer's state must not cost an underrun."""
        now = time.monotonic()
        if now >= self._next_words_s:
            self._next_words_s = now + NOW_PLAYING_EVERY_S
            self._reporter.send(NowPlaying(dict(self._composer.now_playing())))
        if math.isfinite(self._snapshot_every_s) and now >= self._next_snapshot_s:
            self._next_snapshot_s = now + self._snapshot_every_s
            state = self._composer.state()
            if len(state) <= MAX_STATE_BYTES:
                self._reporter.send(Snapshot(self._position, state))

    def fade_out(self) -> None:
        """Play on for a moment, softer and softer, and end in silence. Bounded by `LEAVE_S`."""
        limit_s = time.monotonic() + LEAVE_S
        gain = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, FADE_OUT_BLOCKS * BLOCK_SAMPLES))
        gain = np.concatenate([gain, np.zeros(SILENT_BLOCKS * BLOCK_SAMPLES)])
        for part in gain.reshape(-1, BLOCK_SAMPLES, 1):
            while not self.has_room:
                if time.monotonic() > limit_s:
                    return
                self._link.beat()
                time.sleep(self._nap_s)
            block = self._composer.render(BLOCK_SAMPLES)
            self._link.ring.write((block * part).astype(np.float32))

    def close(self) -> None:
        self._link.close()


def run(pipe: Connection, factory: ComposerFactory) -> None:
    """The process's main function (begun by `stream.composing.process`)."""
    # Ctrl-C reaches the whole group; the parent says when to stop, after the fade.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
    threading.Thread(target=_read_commands, args=(pipe, commands), daemon=True).start()
    reporter = Reporter(pipe)
    composer: Composer | None = None
    performance: _Performance | None = None
    try:
        composer = factory()
        reporter.start()
        reporter.send(Ready())
        while True:
            while performance is None or not commands.empty():
                command = commands.get()
                if isinstance(command, Leave) and performance is not None:
                    performance.fade_out()
                if isinstance(command, Close | Leave):
                    return
                if isinstance(command, Begin):
                    put_music_first()
                    performance = _Performance(composer, command, reporter)
                    del command  # and with it a state of megabytes, which has been restored
                elif performance is not None:
                    performance.obey(command)
            performance.step()
    except Exception as error:  # noqa: BLE001
        # Whatever the composer raised, the parent starts another; it needs to know why.
        reporter.send(Failed(f"{type(error).__name__}: {error}"))
        reporter.flush()
        raise SystemExit(1) from None
    finally:
        if performance is not None:
            performance.close()
        # The interpreter waits for what a composer's threads still have to do, which may be seconds of work.
        if isinstance(composer, Closes):
            composer.close()
