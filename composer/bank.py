"""The bank: rendered zones and drum takes, made when first needed and kept while their preset plays.

Rendering is a pure function of the patch and the pitch, so it never matters when it happens; `warm` lets a
thread do it before the first note asks. The thread touches numpy only; buffers are made by the caller's
thread. Bounded: `keep` drops every instrument that neither the old nor the new preset uses.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import signalflow as sf

from composer.drumkit import DRUMS, TAKES
from composer.instruments import INSTRUMENTS, Patch, Zone, midi_hz
from composer.spectra import Pcm

_PAUSE_S = 0.03
"""Rest of the background thread between two zones: a preset is warm in about three seconds."""


class Tone(NamedTuple):
    """A zone ready to play: a SignalFlow buffer, the rate that gives the pitch asked for, loop or not."""

    buffer: sf.Buffer
    rate: float
    loop: bool
    samples: int


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
        self._zones: dict[tuple[str, int], tuple[sf.Buffer, float, bool, int]] = {}
        self._takes: dict[tuple[str, int], sf.Buffer] = {}
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
            held = (_buffer(zone.pcm), zone.hz, zone.loop, zone.pcm.shape[1])
            self._zones[key] = held
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
        for name in drums:
            for index in range(TAKES):
                key = (name, index)
                if key not in self._takes and key not in self._coming_takes:
                    self._coming_takes[key] = self._worker.submit(_paced_take, name, index)
        for name, low, high in wanted:
            patch = INSTRUMENTS[name]
            for pitch in sorted({nearest_zone(patch, p)[1] for p in range(low, high + 1)}):
                key = (name, pitch)
                if key not in self._zones and key not in self._coming:
                    self._coming[key] = self._worker.submit(_paced, patch, pitch)

    def adopt(self) -> None:
        """Take over at most one zone or take the thread has finished: cheap enough for every tick."""
        for key, coming in self._coming.items():
            if coming.done():
                del self._coming[key]
                zone = coming.result()
                self._zones[key] = (_buffer(zone.pcm), zone.hz, zone.loop, zone.pcm.shape[1])
                return
        for key, take in self._coming_takes.items():
            if take.done():
                del self._coming_takes[key]
                self._takes[key] = _buffer(take.result())
                return

    def keep(self, names: Iterable[str]) -> None:
        """Forget every instrument and drum that is not in `names`. No voice may be playing them."""
        wanted = frozenset(names)
        for zone in [k for k in self._zones if k[0] not in wanted]:
            del self._zones[zone]
        for take in [k for k in self._takes if k[0] not in wanted]:
            del self._takes[take]
        for key in [k for k in self._coming if k[0] not in wanted]:
            self._coming.pop(key).cancel()
        for key in [k for k in self._coming_takes if k[0] not in wanted]:
            self._coming_takes.pop(key).cancel()


def _paced(patch: Patch, pitch: int) -> Zone:
    """Render in the background, leaving most of the processor (and the interpreter) to the tick."""
    time.sleep(_PAUSE_S)
    return patch.zone(pitch)


def _paced_take(name: str, index: int) -> Pcm:
    time.sleep(_PAUSE_S)
    return DRUMS[name].take(index)


def _buffer(pcm: Pcm) -> sf.Buffer:
    buffer = sf.Buffer(2, pcm.shape[1])
    buffer.data[:] = pcm
    return buffer
