"""The composer's end without a socket: what it answers to each message, in order.

One thread owns an `Instrument` and the composers it makes; the caller sees to that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from composer.errors import ComposerError
from composer.played import Begun, Sounded
from composer.remote.messages import (
    MAX_CREDIT_SAMPLES,
    MAX_STATE_BYTES,
    PROTOCOL,
    Accent,
    BadMessage,
    Error,
    GetPlaying,
    GetState,
    Hello,
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
    Welcome,
)
from composer.remote.notes import rows
from composer.score import SAMPLE_RATE_HZ

log = logging.getLogger(__name__)

BLOCK_SAMPLES = 480
"""Sound leaves in frames of 10 ms: the first need not wait for the last."""
CHANNELS = 2


class Playable(Protocol):
    """What is asked of a composer; both of ours are."""

    latency_samples: int

    def prime(self, anchor: str, seed: int) -> None: ...
    def steer(self, valence: float, arousal: float, at_sample: int) -> None: ...
    def accent(self, at_sample: int) -> None: ...
    def render(self, n_samples: int) -> npt.NDArray[np.float32]: ...
    def state(self) -> bytes: ...
    def restore(self, state: bytes, exact: bool = True) -> None: ...
    def now_playing(self) -> Mapping[str, str | float]: ...
    def close(self) -> None: ...


@runtime_checkable
class TellsNotes(Protocol):
    """What a composer may be beside: one that tells what it has played since it was last asked."""

    def take_notes(self) -> tuple[Begun | Sounded, ...]: ...


class Instrument(NamedTuple):
    """What is served: `begin` makes a composer for one piece, quickly; one at a time."""

    name: str
    engine: str
    licence: str
    latency_samples: int
    begin: Callable[[], Playable]


class Hangup(Exception):
    """The conversation is over; the message says why, for the close frame."""


class Served:
    """One conversation, from hello to goodbye. `close` must be called."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._composer: Playable | None = None
        self._greeted = False
        self._made = 0
        """Samples of the piece made so far: the composer's clock."""
        self._awaited: Restore | None = None
        """The restore whose state has not come yet."""

    def hear(self, message: Message | bytes) -> Iterator[Told | bytes]:
        """What is answered, bit by bit as it is made. Raises Hangup after the last answer there is."""
        try:
            yield from self._obey(message)
        except BadMessage as error:
            yield from _refuse("message", str(error))

    def close(self) -> None:
        """The composer's piece ends. Idempotent."""
        if self._composer is not None:
            self._composer.close()
            self._composer = None

    def _obey(self, message: Message | bytes) -> Iterator[Told | bytes]:
        if isinstance(message, bytes):
            yield self._restored(message)
            return
        if self._awaited is not None:
            raise BadMessage("A state was announced and did not come.")
        if not self._greeted and not isinstance(message, Hello):
            raise BadMessage("Say hello first.")
        match message:
            case Hello(protocol):
                yield from self._welcome(protocol)
            case Prime(anchor, seed):
                yield self._prime(anchor, seed)
            case Steer(valence, arousal, at_sample):
                self._playing().steer(valence, arousal, at_sample)
            case Accent(at_sample):
                self._playing().accent(at_sample)
            case Render(until_sample):
                yield from self._render(until_sample)
            case GetState():
                state = self._playing().state()
                yield State(len(state))
                yield state
            case GetPlaying():
                yield Playing(dict(self._playing().now_playing()))
            case Restore(_, _, size):
                if not 0 <= size <= MAX_STATE_BYTES:
                    raise BadMessage(f"A state has at most {MAX_STATE_BYTES} bytes.")
                self._awaited = message
            case _:
                raise BadMessage("That is not for a composer to hear.")

    def _welcome(self, protocol: int) -> Iterator[Told]:
        if protocol != PROTOCOL:
            yield from _refuse(
                "version",
                f"This composer speaks version {PROTOCOL} of the protocol, not {protocol}: install the same "
                "release of narrascore-live on both machines.",
            )
        self._greeted = True
        name, engine, licence, latency_samples, _ = self._instrument
        yield Welcome(PROTOCOL, name, engine, licence, SAMPLE_RATE_HZ, CHANNELS, latency_samples)

    def _prime(self, anchor: str, seed: int) -> Told:
        composer = self._composer if self._composer is not None else self._instrument.begin()
        self._composer = composer
        try:
            composer.prime(anchor, seed)
        except ValueError as error:  # the text cannot be an anchor
            return Error("anchor", str(error))
        return Primed()

    def _render(self, until_sample: int) -> Iterator[Told | bytes]:
        composer = self._playing()
        if until_sample - self._made > MAX_CREDIT_SAMPLES:
            raise BadMessage(f"At most {MAX_CREDIT_SAMPLES} samples may be asked for at once.")
        while self._made < until_sample:
            count = min(BLOCK_SAMPLES, until_sample - self._made)
            block = composer.render(count)
            assert block.shape == (count, CHANNELS)
            self._made += count
            if isinstance(composer, TellsNotes) and (played := composer.take_notes()):
                yield Notes(rows(played))
            yield block.astype("<f4").tobytes()

    def _restored(self, state: bytes) -> Told:
        if self._awaited is None:
            raise BadMessage("No state was announced.")
        (at_sample, exact, size), self._awaited = self._awaited, None
        if len(state) != size:
            raise BadMessage(f"A state of {size} bytes was announced, and {len(state)} came.")
        composer = self._composer if self._composer is not None else self._instrument.begin()
        self._composer = composer
        try:
            composer.restore(state, exact)
        except ComposerError as error:
            return Error("state", str(error))
        self._made = at_sample
        return Restored()

    def _playing(self) -> Playable:
        if self._composer is None:
            raise BadMessage("No piece has begun: prime or restore first.")
        return self._composer


def _refuse(kind: str, detail: str) -> Iterator[Told]:
    yield Error(kind, detail)
    raise Hangup(detail)
