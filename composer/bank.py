"""The bank: rendered zones and drum takes, made when first needed and kept while their preset plays.

Rendering is a pure function of the patch and the pitch, so it never matters when it happens; `warm` lets a
thread do it before the first note asks. The thread touches numpy only; buffers are made by the caller's
thread. Bounded: `keep` drops every instrument that neither the old nor the new preset uses.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import signalflow as sf

from composer.drumkit import DRUMS
from composer.instruments import INSTRUMENTS, Patch, Zone, midi_hz
from composer.spectra import Pcm


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
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bank")

    def close(self) -> None:
        """Stop the thread and let the memory go. May be called twice."""
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()
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
            # Not begun yet: make it here rather than wait behind the others.
            zone = patch.zone(zone_pitch) if coming is None or coming.cancel() else coming.result()
            held = (_buffer(zone.pcm), zone.hz, zone.loop, zone.pcm.shape[1])
            self._zones[key] = held
        buffer, hz, loop, samples = held
        return Tone(buffer, midi_hz(sounding) / hz, loop, samples)

    def take(self, name: str, index: int) -> sf.Buffer:
        """Take `index` of drum `name`. Raises KeyError for an unknown name."""
        key = (name, index)
        if key not in self._takes:
            self._takes[key] = _buffer(DRUMS[name].take(index))
        return self._takes[key]

    def warm(self, wanted: Iterable[tuple[str, int, int]]) -> None:
        """Begin to render the zones of (instrument, lowest, highest pitch), in the background."""
        for name, low, high in wanted:
            patch = INSTRUMENTS[name]
            for pitch in sorted({nearest_zone(patch, p)[1] for p in range(low, high + 1)}):
                key = (name, pitch)
                if key not in self._zones and key not in self._coming:
                    self._coming[key] = self._worker.submit(patch.zone, pitch)

    def adopt(self) -> None:
        """Take over at most one zone the thread has finished: cheap enough for every tick."""
        for key, coming in self._coming.items():
            if coming.done():
                del self._coming[key]
                zone = coming.result()
                self._zones[key] = (_buffer(zone.pcm), zone.hz, zone.loop, zone.pcm.shape[1])
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


def _buffer(pcm: Pcm) -> sf.Buffer:
    buffer = sf.Buffer(2, pcm.shape[1])
    buffer.data[:] = pcm
    return buffer
