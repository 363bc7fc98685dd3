"""The bank: rendered zones and drum takes, made when first needed and kept while their preset plays.

Rendering is a pure function of the patch and the pitch, so it never matters when it happens; `warm` lets a
thread do it before the first note asks. The thread touches numpy only; buffers are made by the caller's
thread. Bounded: `keep` drops every instrument that neither the old nor the new preset uses.

What `stock` renders is in every bank of the process from the start, and in those of processes forked from it:
they share its pages, since nobody writes to them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import NamedTuple

import signalflow as sf

from composer.drumkit import DRUMS, TAKES
from composer.instruments import INSTRUMENTS, Patch, Zone, midi_hz
from composer.score import SAMPLE_RATE_HZ
from composer.spectra import Pcm

_PAUSE_S = 0.03
"""Rest of the background thread between two zones: a preset is warm in about three seconds."""


class Tone(NamedTuple):
    """A zone ready to play: a SignalFlow buffer, the rate that gives the pitch asked for, loop or not."""

    buffer: sf.Buffer
    rate: float
    loop: bool
    samples: int


Held = tuple[sf.Buffer, float, bool, int]
"""A zone: its buffer, its fundamental in Hz, loop or not, and its length in samples."""

_stock: dict[tuple[str, int], Held] = {}
_stock_takes: dict[tuple[str, int], sf.Buffer] = {}


def stock(wanted: Iterable[tuple[str, int, int]], drums: Iterable[str]) -> None:
    """Render now, for every Bank made later, what `Bank.warm` would render ahead.

    Kept as long as the process: some 60 MiB for a preset. Takes about a second.
    """
    _stock.update((key, _held(INSTRUMENTS[key[0]].zone(key[1]))) for key in _zones(wanted))
    _stock_takes.update((key, _buffer(DRUMS[key[0]].take(key[1]))) for key in _takes(drums))


def nearest_zone(patch: Patch, pitch: int) -> tuple[int, int]:
    """`pitch` brought into the patch's range by octaves, and the pitch of the zone that plays it."""
    while pitch < patch.low:
        pitch += 12
    while pitch > patch.high:
        pitch -= 12
    step = patch.zone_step
    zone = patch.low + round((pitch - patch.low) / step) * step
    return pitch, min(zone, patch.high)


class Bank:
    """Zones and takes of the instruments in use. Owned by the synthesiser's thread."""

    def __init__(self) -> None:
        self._zones = dict(_stock)
        self._takes = dict(_stock_takes)
        self._coming: dict[tuple[str, int], Future[Zone]] = {}
        self._coming_takes: dict[tuple[str, int], Future[Pcm]] = {}
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bank")

    def close(self) -> None:
        """Stop the thread and let the memory go. May be called twice."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()
        self._coming_takes.clear()
        self._zones.clear()
        self._takes.clear()

    def tone(self, name: str, pitch: int) -> Tone:
        """The tone of instrument `name` at MIDI `pitch`. Raises KeyError for an unknown name."""
        patch = INSTRUMENTS[name]
        sounding, zone_pitch = nearest_zone(patch, pitch)
        key = (name, zone_pitch)
        held = self._zones.get(key)
        if held is None:
            coming = self._coming.pop(key, None)
            # Not ready yet: make it here rather than wait for the thread, which may be pausing.
            zone = coming.result() if coming is not None and coming.done() else patch.zone(zone_pitch)
            if coming is not None:
                coming.cancel()
            held = self._zones[key] = _held(zone)
        buffer, hz, loop, samples = held
        return Tone(buffer, midi_hz(sounding) / hz, loop, samples)

    def take(self, name: str, index: int) -> sf.Buffer:
        """Take `index` of drum `name`. Raises KeyError for an unknown name."""
        key = (name, index)
        if key not in self._takes:
            coming = self._coming_takes.pop(key, None)
            ready = coming is not None and coming.done()
            self._takes[key] = _buffer(coming.result() if coming and ready else DRUMS[name].take(index))
            if coming is not None:
                coming.cancel()
        return self._takes[key]

    def warm(self, wanted: Iterable[tuple[str, int, int]], drums: Iterable[str]) -> None:
        """Begin to render the zones of (instrument, lowest, highest pitch) and all takes of `drums`."""
        for take in _takes(drums):
            if take not in self._takes and take not in self._coming_takes:
                self._coming_takes[take] = self._worker.submit(_paced_take, *take)
        for zone in _zones(wanted):
            if zone not in self._zones and zone not in self._coming:
                self._coming[zone] = self._worker.submit(_paced, *zone)

    def adopt(self) -> None:
        """Take over at most one zone or take the thread has finished: cheap enough for every tick.

        It makes them in the order they were asked for: the oldest of either is done first.
        """
        zone = next(iter(self._coming), None)
        if zone is not None and self._coming[zone].done():
            self._zones[zone] = _held(self._coming.pop(zone).result())
            return
        take = next(iter(self._coming_takes), None)
        if take is not None and self._coming_takes[take].done():
            self._takes[take] = _buffer(self._coming_takes.pop(take).result())

    def keep(self, names: Iterable[str]) -> None:
        """Forget every instrument and drum that is not in `names`. No voice may be playing them.

        What is in stock stays: it takes no memory of ours.
        """
        wanted = frozenset(names)
        for zone in [k for k in self._zones if k[0] not in wanted and k not in _stock]:
            del self._zones[zone]
        for take in [k for k in self._takes if k[0] not in wanted and k not in _stock_takes]:
            del self._takes[take]
        for key in [k for k in self._coming if k[0] not in wanted]:
            self._coming.pop(key).cancel()
        for key in [k for k in self._coming_takes if k[0] not in wanted]:
            self._coming_takes.pop(key).cancel()


def _zones(wanted: Iterable[tuple[str, int, int]]) -> Iterator[tuple[str, int]]:
    """The zones of (instrument, lowest, highest pitch) each, lower ones first."""
    for name, low, high in wanted:
        patch = INSTRUMENTS[name]
        yield from ((name, at) for at in sorted({nearest_zone(patch, p)[1] for p in range(low, high + 1)}))


def _takes(drums: Iterable[str]) -> Iterator[tuple[str, int]]:
    return product(drums, range(TAKES))


def _paced(name: str, pitch: int) -> Zone:
    """Render in the background, leaving most of the processor (and the interpreter) to the tick."""
    time.sleep(_PAUSE_S)
    return INSTRUMENTS[name].zone(pitch)


def _paced_take(name: str, index: int) -> Pcm:
    time.sleep(_PAUSE_S)
    return DRUMS[name].take(index)


def _held(zone: Zone) -> Held:
    return _buffer(zone.pcm), zone.hz, zone.loop, zone.pcm.shape[1]


def _buffer(pcm: Pcm) -> sf.Buffer:
    buffer = sf.Buffer(2, pcm.shape[1])
    buffer.sample_rate = SAMPLE_RATE_HZ  # it may be older than the graph, whose rate it would take
    buffer.data[:] = pcm
    return buffer
