"""A session's music: the composer's process, the ring it fills, and the egress that empties it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from stream.composing.host import ComposerHost
from stream.composing.link import ComposerLink
from stream.composing.losses import ComposerStatus
from stream.composing.messages import AppliedAccent, AppliedSteer, Notes
from stream.composing.offer import Offer
from stream.session.services import Services
from stream.sound.egress import Egress, Tap

log = logging.getLogger(__name__)

_STARTING = ComposerStatus("starting", 0, "")


class Music:
    """Lives on the event loop. Nothing runs, and nothing is told to a composer, before `start`."""

    def __init__(self, name: str, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        self._name = name
        self._services = services
        self._loop = loop
        self._link: ComposerLink | None = None
        self._host: ComposerHost | None = None
        self.composer: Offer = services.composers.first
        """Who plays, or will."""
        self.on_refusal: Callable[[Offer, str], None] = lambda wanted, reason: None
        """Told, on the event loop, that whoever was chosen could not be started, and why: `composer` is again
        who plays on."""
        self.egress: Egress | None = None
        self.volume = 1.0
        self.muted = False

    def start(self, anchor: str, seed: int) -> Egress:
        """Once only."""
        assert self.egress is None
        settings, clock = self._services.settings, self._services.clock
        composers = self._services.composers
        terms = composers.terms(self.composer.name)
        self._link = ComposerLink.create(composers.ring_capacity)
        self._host = ComposerHost(
            terms.pool,
            self._link,
            anchor,
            seed,
            clock,
            name=self._name,
            start_timeout_s=terms.start_timeout_s,
            hang_s=terms.hang_s,
            snapshot_s=settings.composer_snapshot_s,
            ring_samples=terms.ring_samples,
        )
        self.egress = Egress(
            self._link.ring,
            clock,
            self._loop,
            name=self._name,
            bit_rate=settings.opus_bit_rate,
            refill_samples=terms.refill_samples,
        )
        self._host.on_refusal = self._hear_refusal
        self._set_gain()
        self._host.start()
        self.egress.start()
        log.info("session %s: music starts", self._name)
        return self.egress

    async def fade_out(self) -> None:
        if self.egress is not None:
            await self.egress.fade_out()

    def stop(self) -> None:
        """End the process and the threads. Blocks: not for the loop."""
        # In this order: whoever still listened while the process ends would hear a gap, and it would count.
        if self.egress is not None:
            self.egress.close()
        if self._host is not None:
            self._host.close()

    def free(self) -> None:
        """Give back the shared memory, when everything that reads it has ended."""
        if self._link is not None:
            self._link.close()

    # What it is told.

    def steer(self, valence: float, arousal: float) -> bool:
        """False when there is nobody to steer yet."""
        if self._host is None:
            return False
        self._host.steer(valence, arousal)
        return True

    def accent(self) -> None:
        if self._host is not None:
            self._host.accent()

    def set_anchor(self, anchor: str) -> None:
        if self._host is not None:
            self._host.set_anchor(anchor)

    def change_composer(self, offer: Offer) -> None:
        """Let another play in the same style: it is made ready, the present one fades out, it fades in. If it
        cannot be started the present one plays on: see `on_refusal`."""
        self.composer = offer
        terms = self._services.composers.terms(offer.name)
        if self._host is not None:
            self._host.change(terms)
        if self.egress is not None:
            self.egress.set_refill(terms.refill_samples)

    def _hear_refusal(self) -> None:
        """On the supervisor's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has closed
            self._loop.call_soon_threadsafe(self._take_refusal)

    def _take_refusal(self) -> None:
        refusal = self._host.refusal if self._host is not None else None
        if refusal is None:  # somebody has been chosen since
            return
        whose = self._services.composers.whose
        wanted, stays = whose(refusal.wanted), whose(refusal.stays)
        if self.composer is wanted:
            self.composer = stays
            if self.egress is not None:
                self.egress.set_refill(refusal.stays.refill_samples)
            self.on_refusal(wanted, refusal.reason)

    def set_seed(self, seed: int) -> None:
        if self._host is not None:
            self._host.set_seed(seed)

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

    def duck(self, gain_db: float) -> None:
        """Step aside by `gain_db`, 0 or less."""
        if self.egress is not None:
            self.egress.set_duck(10 ** (gain_db / 20))

    def hear_notes(self, take: Callable[[Notes], None]) -> None:
        """Have `take` called with the notes that are played, from now on."""
        if self._host is not None:
            self._host.on_notes = take

    def remove_tap(self, tap: Tap) -> None:
        if self.egress is not None:
            self.egress.remove_tap(tap)

    # What it tells.

    @property
    def status(self) -> ComposerStatus:
        return self._host.status if self._host is not None else _STARTING

    @property
    def now_playing(self) -> Mapping[str, str | float]:
        return self._host.now_playing if self._host is not None else {}

    @property
    def pid(self) -> int | None:
        """The composer's process."""
        return self._host.pid if self._host is not None else None

    @property
    def buffer_ms(self) -> float:
        """Not to be asked once `free` was called."""
        return self._link.ring.available / 48.0 if self._link is not None else 0.0

    @property
    def ahead_ms(self) -> float:
        """How much of it is kept at most: more where rendering has been late. 0 before the music starts."""
        return self._host.ahead_samples / 48.0 if self._host is not None else 0.0

    @property
    def steer_log(self) -> list[AppliedSteer]:
        return list(self._host.steer_log) if self._host is not None else []

    @property
    def accent_log(self) -> list[AppliedAccent]:
        return list(self._host.accent_log) if self._host is not None else []
