"""The process of the vision-language model, kept: started, watched, started again, given up.

One thread owns the pipe. It has at most one question under way, so nothing piles up behind a slow model,
and a timer kills a process that does not answer, whatever it is doing. Sessions only touch their
`SlowEye`s.
"""

from __future__ import annotations

import collections
import itertools
import logging
import multiprocessing
import threading
import time
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from sensor.vlm import worker
from sensor.vlm.eye import SlowEye
from sensor.vlm.messages import Answer, Failed, Forget, Look, Looked, Question, Ready, Refused, Write, Wrote
from sensor.vlm.picture import Fitter
from sensor.vlm.span import NarrativeConfig
from sensor.vlm.worker import Plan

log = logging.getLogger(__name__)

Life = Callable[[Connection, Plan], None]
"""What the process does; a module-level function (it is pickled by name)."""


class Patience(NamedTuple):
    """How long to wait for what, in seconds, and how often to try."""

    load_s: float = 900.0
    answer_s: float = 120.0
    """A frame on a slow processor, or an anchor, may take long; the music does not wait."""
    first_pause_s: float = 2.0
    """Before starting again; twice as long each time."""
    attempts: int = 5
    """Deaths or failures in a row before the slow reading is given up."""


class SlowReading:
    """The slow reading of all sessions. A context manager: entering starts the process, leaving ends it."""

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        dtype: str = "auto",
        probe: Path | None = None,
        *,
        readings_hz: float = 1.0,
        anchor_after_s: float = 15.0,
        patience: Patience | None = None,
        life: Life = worker.run,
    ) -> None:
        """`anchor_after_s` 0 writes no anchors."""
        self._plan = Plan(folder, device, dtype, probe)
        self._period_s = 1.0 / readings_hz
        self._anchor_after_s = anchor_after_s
        self._patience = patience or Patience()
        self._life = life
        self._window_frames = NarrativeConfig().frames
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._eyes: weakref.WeakValueDictionary[int, SlowEye] = weakref.WeakValueDictionary()
        self._gone: collections.deque[int] = collections.deque()
        self._closing = False
        self._process: multiprocessing.process.BaseProcess | None = None
        self._useless = 0
        """Processes in a row that read nothing."""
        self.state = "starting"
        """`starting`, `reading` or `failed`."""
        self._thread = threading.Thread(target=self._keep, name="slow-reading", daemon=True)

    def start(self) -> None:
        """Start the process, in the background. Once."""
        self._thread.start()

    def __enter__(self) -> SlowReading:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process. Blocks for a second or two at most. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._kill()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def open(self) -> SlowEye:
        """A new session's eye. Its window is freed when nobody holds the eye any more."""
        eye = SlowEye(next(self._numbers), self._period_s, self._anchor_after_s, self._notify)
        weakref.finalize(eye, self._gone.append, eye.number).atexit = False
        with self._changed:
            self._eyes[eye.number] = eye
        return eye

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # Everything below runs on the one thread.

    def _keep(self) -> None:
        while not self._closing:
            self._useless += 1
            why = self._live()
            if self._closing:
                return
            if why is not None or self._useless >= self._patience.attempts:
                self.state = "failed"
                log.error("the slow reading is given up, the fast one goes on: %s", why or "it reads nothing")
                return
            pause_s = self._patience.first_pause_s * 2.0 ** max(0, self._useless - 1)
            log.warning("the slow reading has stopped; starting it again in %.0f s", pause_s)
            self.state = "starting"
            self._pause(pause_s)

    def _pause(self, pause_s: float) -> None:
        until_s = time.monotonic() + pause_s
        with self._changed:
            while not self._closing and (left_s := until_s - time.monotonic()) > 0:
                self._changed.wait(left_s)

    def _live(self) -> str | None:
        """One process from start to end. Returns why another one would not do better, if so."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=self._life, args=(theirs, self._plan), name="slow-reading", daemon=True
        )
        try:
            process.start()
        except OSError as error:
            log.warning("no process for the slow reading can be started: %s", error)
            ours.close()
            return None
        finally:
            theirs.close()
        self._process = process
        began_s = time.monotonic()
        try:
            first = self._hear(ours, self._patience.load_s)
            if isinstance(first, Refused):
                return first.why
            if isinstance(first, Ready):
                log.info("the slow reading begins: %s (%.0f s)", first.what, time.monotonic() - began_s)
                self.state = "reading"
                self._serve(ours)
            elif not self._closing:
                log.warning("the vision-language model was not loaded in %.0f s", self._patience.load_s)
        except (EOFError, OSError):
            if not self._closing:
                log.warning("the process of the slow reading died or did not answer")
        finally:
            self._kill()
            process.join()
            self._process = None
            process.close()
            ours.close()
        return None

    def _serve(self, pipe: Connection) -> None:
        """Questions and answers until the service ends. Raises EOFError or OSError with the process."""
        fitter = Fitter()
        looks: dict[int, int] = {}
        failures = 0
        while failures < self._patience.attempts:
            eye = self._next(pipe, looks)
            if eye is None:
                return
            failures = self._turn(pipe, eye, fitter, looks, failures)
            del eye  # whoever opened it may let go while we wait for the next

    def _turn(
        self, pipe: Connection, eye: SlowEye, fitter: Fitter, looks: dict[int, int], failures: int
    ) -> int:
        """One frame read; how many have failed in a row."""
        offered = eye.take_offered()
        rgb = None if offered is None else fitter.fit(offered.frame)
        if offered is None or rgb is None:
            return failures
        answer = self._ask(pipe, Look(eye.number, offered.t_s, rgb))
        if isinstance(answer, Failed):
            log.warning("the vision-language model could not read a frame: %s", answer.why)
            return failures + 1
        if isinstance(answer, Looked):
            eye.deliver(answer)
            self._useless = 0
            looks[eye.number] = looks.get(eye.number, 0) + 1
            if eye.wants_anchor(self._window_frames, looks[eye.number]):
                self._write(pipe, eye)
        return 0

    def _write(self, pipe: Connection, eye: SlowEye) -> None:
        answer = self._ask(pipe, Write(eye.number))
        if isinstance(answer, Wrote) and answer.text:
            eye.deliver_anchor(answer.text)
        elif isinstance(answer, Wrote | Failed):
            log.warning("no anchor could be written from the picture (%s): it stays as it is", answer.why)

    def _next(self, pipe: Connection, looks: dict[int, int]) -> SlowEye | None:
        """The eye whose turn it is: who waits longest since its last turn. None when the service ends."""
        while True:
            with self._changed:
                if self._closing:
                    return None
                due = next((eye for eye in list(self._eyes.values()) if eye.due), None)
                if due is not None:
                    # The next round begins behind it.
                    del self._eyes[due.number]
                    self._eyes[due.number] = due
                    return due
                if not self._gone:
                    self._changed.wait(0.5)
            while self._gone:
                number = self._gone.popleft()
                looks.pop(number, None)
                pipe.send(Forget(number))

    def _ask(self, pipe: Connection, question: Question) -> Answer:
        watchdog = threading.Timer(self._patience.answer_s, self._kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            pipe.send(question)
            answer: Answer = pipe.recv()
        finally:
            watchdog.cancel()
        return answer

    def _hear(self, pipe: Connection, patience_s: float) -> Answer | None:
        """The first words of a process; None when it takes too long."""
        until_s = time.monotonic() + patience_s
        while not self._closing and time.monotonic() < until_s:
            if pipe.poll(0.2):
                answer: Answer = pipe.recv()
                return answer
        return None

    def _kill(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            process.kill()
        except (ValueError, AttributeError):  # it was closed a moment ago
            return
