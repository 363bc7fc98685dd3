"""A composer whose music is made elsewhere: the same contract, over a WebSocket.

What it hands out is a function of what it was told, as with any composer: the way's speed changes nothing
but how long `render` takes. To keep the way out of the music's path, sound is asked for `ahead` of what was
handed out, more where the heartbeat finds the way longer. What is asked for cannot be changed any more, so
`steer` and `accent` mean the sample they name or the first that has not been asked for, whichever is later;
`latency_samples` says so. With `ahead` 0 the samples are those the composer would have made here.

One thread owns a RemoteComposer. When the connection is lost it raises; its process ends, and the next one
goes on from the last snapshot, as after any other loss of a composer.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from composer.errors import ComposerError
from composer.played import Begun, Sounded
from composer.remote.credit import Credit
from composer.remote.line import ANSWER_S, Line, NotNow, Remote, RemoteError
from composer.remote.messages import (
    FRAME_BYTES,
    MAX_CREDIT_SAMPLES,
    Accent,
    GetPlaying,
    GetState,
    Message,
    Notes,
    Playing,
    Prime,
    Primed,
    Render,
    Restore,
    Restored,
    State,
    Steer,
    Told,
)
from composer.remote.notes import events, rows
from composer.seal import seal, unseal

log = logging.getLogger(__name__)

Block = npt.NDArray[np.float32]
T = TypeVar("T")

RETRY_S = (0.1, 0.25, 0.5, 1.0, 2.0)
MAX_NOTES_KEPT = 4096
SOUND_S = 8.0
"""Sound that was asked for and has not come after this long will not come."""


@dataclass(frozen=True)
class RemoteFactory:
    """What crosses into a composer process, and is called there once. It connects when the piece begins."""

    remote: Remote

    def __call__(self) -> RemoteComposer:
        return RemoteComposer(self.remote)


class RemoteComposer:
    """One endless piece, made elsewhere. See the module."""

    def __init__(
        self,
        remote: Remote,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._remote = remote
        self._clock = clock
        self._sleep = sleep
        self._line: Line | None = None
        self._credit: Credit | None = None
        """None: what is asked for in advance does not change."""
        self._ahead = remote.ahead_samples or 0
        self._handed_out = 0
        self._asked_for = 0
        self._waiting: Block = np.zeros((0, 2), np.float32)
        """What has come and was not handed out yet: samples from `_handed_out` on."""
        self._notes: deque[Begun | Sounded] = deque(maxlen=MAX_NOTES_KEPT)
        """What has been told of and not taken; the oldest are lost where nobody takes them."""
        self.latency_samples = 0
        """That of the composer there, and `ahead` as it is now. Known once a piece has begun."""

    # -- the contract ---------------------------------------------------------------------------------

    def prime(self, anchor: str, seed: int) -> None:
        """Begin a piece, or go over to another anchor or seed from the first sample not asked for yet.

        Raises:
            RemoteAnchorError: the composer there cannot take the anchor.
            RemoteError: it cannot be had, even after `patience_s`.
        """
        self._begin(lambda: self._answer(Primed, Prime(anchor, seed)))

    def steer(self, valence: float, arousal: float, at_sample: int) -> None:
        """Affect from `at_sample` on, or from the first sample not asked for yet. Clamped; NaN is ignored."""
        if math.isnan(valence) or math.isnan(arousal):
            return
        clamped = min(max(float(valence), -1.0), 1.0), min(max(float(arousal), -1.0), 1.0)
        self._playing().send(Steer(*clamped, max(at_sample, self._asked_for)))

    def accent(self, at_sample: int) -> None:
        """A cut at `at_sample`, or at the first sample not asked for yet."""
        self._playing().send(Accent(max(at_sample, self._asked_for)))

    def render(self, n_samples: int) -> Block:
        """The next `n_samples`, float32 (n_samples, 2). Blocks until they have come.

        Raises RemoteError: the connection was lost, or the composer there failed.
        """
        if self._credit is not None:
            self._credit.note(self._playing().last_round_trip_s, n_samples)
            self._look_ahead(self._credit.samples)
        end = self._handed_out + n_samples
        blocks = [self._waiting]
        have = len(self._waiting)
        while True:
            # No further than a second beyond what has come, however much is wanted.
            self._ask_until(min(end + self._ahead, self._handed_out + have + MAX_CREDIT_SAMPLES))
            if have >= n_samples:
                break
            line = self._playing()
            blocks.append(self._block(line.told(bytes, self._heard(line, SOUND_S))))
            have += len(blocks[-1])
        sound = np.concatenate(blocks)
        self._waiting = sound[n_samples:]
        self._handed_out = end
        return sound[:n_samples]

    def state(self) -> bytes:
        """What `restore` needs, here or in another process: the composer's own, and the sound on its way."""
        size = self._answer(State, GetState()).size
        line = self._playing()
        inner = line.told(bytes, self._heard(line, ANSWER_S))
        if len(inner) != size:
            raise RemoteError(f"The composer at {self._remote.place} sent another state than it announced.")
        coming = rows(note for note in self._notes if note.at_sample >= self._handed_out)
        head = json.dumps([self._handed_out, len(self._waiting), coming]).encode()
        return seal(len(head).to_bytes(8, "little") + head + self._waiting.astype("<f4").tobytes() + inner)

    def restore(self, state: bytes, exact: bool = True) -> None:
        """Go on with the piece `state` was taken from.

        Raises:
            ComposerError: `state` is not one of a composer elsewhere, or that one cannot take it.
            RemoteError: it cannot be had, even after `patience_s`.
        """
        body = unseal(state)
        size = int.from_bytes(body[:8], "little")
        try:
            handed_out, waiting, coming = json.loads(body[8 : 8 + size])
            notes = events(coming)
            begin, end = 8 + size, 8 + size + waiting * FRAME_BYTES
            sound = np.frombuffer(body[begin:end], "<f4").reshape(waiting, 2).astype(np.float32)
        except (ValueError, TypeError) as error:
            raise ComposerError(f"This is not the state of a composer elsewhere: {error}") from error
        inner = body[end:]

        def ask() -> None:
            line = self._connected()
            line.send(Restore(handed_out + waiting, exact, len(inner)))
            line.send(inner)
            self._told(Restored)  # the sound before it belongs to what was played until now
            self._handed_out, self._asked_for, self._waiting = handed_out, handed_out + waiting, sound
            self._notes = deque(notes, MAX_NOTES_KEPT)

        self._begin(ask)

    def now_playing(self) -> Mapping[str, str | float]:
        """What the composer there tells of it."""
        return self._answer(Playing, GetPlaying()).words if self._line is not None else {}

    def take_notes(self) -> tuple[Begun | Sounded, ...]:
        """Beats and notes of what was handed out since the last call; none from a composer that has none."""
        taken = []
        while self._notes and self._notes[0].at_sample < self._handed_out:
            taken.append(self._notes.popleft())
        return tuple(taken)

    def close(self) -> None:
        """Say goodbye. Idempotent."""
        if self._line is not None:
            self._line.close()
            self._line = None

    # -- the way there --------------------------------------------------------------------------------

    def _begin(self, work: Callable[[], T]) -> T:
        """Do `work`, which may begin a piece; then it is tried again while nobody is there to play it."""
        began, tries = self._clock(), 0
        while True:
            beginning = self._line is None
            try:
                return work()
            except NotNow as error:
                self.close()
                if not beginning or self._clock() - began > self._remote.patience_s:
                    raise
                log.warning("%s Trying again.", error)
            self._sleep(RETRY_S[min(tries, len(RETRY_S) - 1)] * random.uniform(0.8, 1.2))
            tries += 1

    def _connected(self) -> Line:
        if self._line is None:
            self._line = Line(self._remote)
            if self._remote.ahead_samples is None:
                self._credit = Credit(self._line.round_trip_s())
            self._look_ahead(self._ahead if self._credit is None else self._credit.samples)
        return self._line

    def _look_ahead(self, samples: int) -> None:
        self._ahead = samples
        self.latency_samples = self._playing().welcome.latency_samples + samples

    def _playing(self) -> Line:
        if self._line is None:
            raise ComposerError("The composer has no anchor yet: call prime(anchor, seed) first.")
        return self._line

    def _answer(self, kind: type[T], message: Message) -> T:
        self._connected().send(message)
        return self._told(kind)

    def _told(self, kind: type[T]) -> T:
        """The next text that is told, which must be of this kind; the sound before it is kept."""
        line = self._connected()
        while isinstance(said := self._heard(line, ANSWER_S), bytes):
            self._waiting = np.concatenate([self._waiting, self._block(said)])
        return line.told(kind, said)

    def _heard(self, line: Line, timeout_s: float) -> Told | bytes:
        """The next frame that is not about notes; those are kept."""
        while isinstance(said := line.receive(timeout_s), Notes):
            self._keep(said.rows)
        return said

    def _keep(self, told: list[Any]) -> None:
        try:
            self._notes.extend(events(told))
        except ValueError as error:
            raise RemoteError(f"The composer at {self._remote.place} told of notes: {error}") from error

    def _ask_until(self, sample: int) -> None:
        if sample > self._asked_for:
            self._asked_for = sample
            self._playing().send(Render(sample))

    def _block(self, frame: bytes) -> Block:
        if len(frame) % FRAME_BYTES:
            raise RemoteError(f"The composer at {self._remote.place} sent half a sample.")
        return np.frombuffer(frame, "<f4").reshape(-1, 2).astype(np.float32)
