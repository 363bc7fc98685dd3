"""A composer that sessions may choose, and what the service has to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stream.composing.ahead import ROOM
from stream.composing.pool import ComposerPool
from stream.ports import SAMPLE_RATE_HZ, ComposerFactory, OpenNoteFile, ReadAnchor
from stream.settings import Settings


class Offer(NamedTuple):
    """`name` is for messages, `title` and `licence` are for people; `card` goes into recordings.

    None: as in the settings.
    """

    name: str
    title: str
    licence: str
    factory: ComposerFactory
    read_anchor: ReadAnchor
    card: Mapping[str, Any] = {}
    open_notes: OpenNoteFile | None = None
    """None: it does not tell what it plays."""
    ring_ms: int | None = None
    """How far it runs ahead where nothing is late: what it needs to be heard without a gap, and what control
    waits for. Up to twice as far where rendering, or its way here, proves late (`stream.composing.ahead`)."""
    start_timeout_s: float | None = None
    hang_s: float | None = None
    warm: int | None = None
    """Processes kept ready."""
    modules: tuple[str, ...] = ()
    """Imported before processes are forked, where they are: what they load is shared."""


class Terms(NamedTuple):
    """On what a composer plays for a session: whence its processes come, and how it is watched."""

    pool: ComposerPool
    start_timeout_s: float
    hang_s: float
    ring_samples: int
    """How far it runs ahead at rest."""

    @property
    def refill_samples(self) -> int:
        """After a gap, the music starts again once so much of it is there."""
        return self.ring_samples * 7 // 8


class Ensemble:
    """The composers there are, by name, each with its pool. The first is the one to begin with."""

    def __init__(self, offers: Sequence[Offer], settings: Settings) -> None:
        """Raises ValueError when there is none, or two have one name."""
        self.offers = {one.name: one for one in offers}
        if not offers or len(self.offers) < len(offers):
            raise ValueError("give at least one composer, each with a name of its own")
        # One process forks them all, so all of it has to be known from the first.
        modules = tuple(dict.fromkeys(module for one in offers for module in one.modules))
        self._terms = {name: _terms(one, settings, modules) for name, one in self.offers.items()}
        self.ring_capacity = ROOM * max(terms.ring_samples for terms in self._terms.values())
        """In samples: room for whichever runs furthest ahead, when it is as late as can be."""

    @property
    def first(self) -> Offer:
        return next(iter(self.offers.values()))

    def terms(self, name: str) -> Terms:
        return self._terms[name]

    def whose(self, terms: Terms) -> Offer:
        """Who plays on these, which were got from here."""
        return next(one for one in self.offers.values() if self._terms[one.name] is terms)

    def start(self) -> None:
        """Make ready what is to be kept ready."""
        for terms in self._terms.values():
            terms.pool.start()

    def close(self) -> None:
        """End the spares. Blocks up to a second or so each. Idempotent."""
        for terms in self._terms.values():
            terms.pool.close()


def _terms(offer: Offer, settings: Settings, modules: tuple[str, ...]) -> Terms:
    def chosen(own: float | None, common: float) -> float:
        return common if own is None else own

    return Terms(
        ComposerPool(offer.factory, int(chosen(offer.warm, settings.warm_composers)), modules=modules),
        chosen(offer.start_timeout_s, settings.composer_start_timeout_s),
        chosen(offer.hang_s, settings.composer_hang_s),
        int(chosen(offer.ring_ms, settings.ring_ms)) * SAMPLE_RATE_HZ // 1000,
    )
