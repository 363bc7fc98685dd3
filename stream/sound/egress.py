"""The session's outgoing music: one thread, one clock, one encode, any number of listeners."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from stream.clock import Clock
from stream.ports import SAMPLE_RATE_HZ, Block
from stream.precedence import put_music_first
from stream.sound.fanout import Fanout, Sink
from stream.sound.level_meter import LevelMeter, Levels
from stream.sound.opus import OpusEncoder, OpusPacket
from stream.sound.pacer import Pacer
from stream.sound.playout import GAIN_RAMP_S, PLAYOUT_SAMPLES, Playout, Source
from stream.sound.wav import pcm_bytes
from stream.stages import EGRESS_LATE_S, ENCODE_S

log = logging.getLogger(__name__)

MAX_HANDOVER = 8
"""Packets, and blocks of PCM, that may wait for a blocked event loop; then the oldest is dropped."""
FADE_OUT_S = GAIN_RAMP_S + 3 * PLAYOUT_SAMPLES / SAMPLE_RATE_HZ


class PlayedBlock(NamedTuple):
    """A block as it left: `ring_sample` is the ring index of its first sample, `pts` the sample clock its
    packet carries, `t_s` the monotonic clock when it was handed out. `block` is not to be written to."""

    block: Block
    ring_sample: int
    pts: int
    t_s: float


Tap = Callable[[PlayedBlock], None]
"""Called on the egress thread for every block: return at once, never raise."""


class Egress:
    """Takes a block every 20 ms from `source`, never waiting for it, and sends it to every listener."""

    def __init__(
        self,
        source: Source,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        *,
        name: str,
        bit_rate: int,
        refill_samples: int,
    ) -> None:
        self._clock = clock
        self._name = name
        self._playout = Playout(source, refill_samples)
        self._meter = LevelMeter(SAMPLE_RATE_HZ)
        self._encoder = OpusEncoder(bit_rate)
        self._pacer = Pacer(clock(), PLAYOUT_SAMPLES, SAMPLE_RATE_HZ)
        self._taps: tuple[Tap, ...] = ()
        self._packets: Fanout[OpusPacket] = Fanout(loop, MAX_HANDOVER)
        self._pcm: Fanout[bytes] = Fanout(loop, MAX_HANDOVER)
        self._volume = 1.0
        self._muted = False
        self._leaving = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"egress-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # What a session may ask, from the event loop.

    def add_listener(self, sink: Sink[OpusPacket]) -> None:
        self._packets.add(sink)

    def remove_listener(self, sink: Sink[OpusPacket]) -> None:
        self._packets.remove(sink)

    def add_pcm_listener(self, sink: Sink[bytes]) -> None:
        """Blocks of 20 ms, interleaved int16 (see `stream.sound.wav.pcm_bytes`)."""
        self._pcm.add(sink)

    def remove_pcm_listener(self, sink: Sink[bytes]) -> None:
        self._pcm.remove(sink)

    def add_tap(self, tap: Tap) -> None:
        """Hand every block that leaves to `tap` too (recording, measuring)."""
        self._taps = (*self._taps, tap)

    def remove_tap(self, tap: Tap) -> None:
        self._taps = tuple(t for t in self._taps if t != tap)

    def set_gain(self, volume: float, muted: bool) -> None:
        """`volume` in [0, 1]; the change is faded."""
        self._volume, self._muted = volume, muted
        self._aim()

    def set_duck(self, gain: float) -> None:
        """A gain in [0, 1] beside the volume, for a moment: somebody speaks. Set often, and smoothly."""
        self._playout.duck_gain = gain

    def set_refill(self, samples: int) -> None:
        """After a gap, the music starts again once so much of it is there."""
        self._playout.refill_samples = samples

    def cut_off(self) -> None:
        """Mute within one block (20 ms) instead of a fade."""
        self._muted = True
        self._aim()
        self._playout.at_once = True

    def _aim(self) -> None:
        # Loudness is closer to the square of a slider than to the slider.
        self._playout.target_gain = 0.0 if self._muted or self._leaving else self._volume**2

    @property
    def pts(self) -> int:
        """The sample clock of the next packet."""
        return self._pacer.next_sample

    @property
    def state(self) -> str:
        return self._playout.state

    @property
    def underruns(self) -> int:
        return self._playout.underruns

    @property
    def played_s(self) -> float:
        return self._playout.played_samples / SAMPLE_RATE_HZ

    @property
    def skipped_blocks(self) -> int:
        return self._pacer.skipped_blocks

    def levels(self) -> Levels:
        return self._meter.levels()

    async def fade_out(self) -> None:
        """Turn the music down to nothing, for good; returns when it is silent."""
        self._leaving = True
        self._aim()
        if self._thread.is_alive() and not self._playout.silent:
            await asyncio.sleep(FADE_OUT_S)

    def close(self) -> None:
        """End the thread (within one block). Idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    # Everything below runs on the egress thread.

    def _run(self) -> None:
        put_music_first()
        while not self._stop.is_set():
            wait_s = self._pacer.wait_s(self._clock())
            if wait_s > 0 and self._stop.wait(wait_s):
                return
            self.step()

    def step(self) -> None:
        """One block, now."""
        now_s = self._clock()
        EGRESS_LATE_S.observe(self._pacer.late_s(now_s))
        pts = self._pacer.advance(now_s)
        block, ring_sample = self._playout.next_block()
        self._meter.add(block)
        for tap in self._taps:
            tap(PlayedBlock(block, ring_sample, pts, now_s))
        if self._packets.wanted and not self._packets.put(self._encode(block, pts)):
            self._stop.set()
        if self._pcm.wanted and not self._pcm.put(pcm_bytes(block)):
            self._stop.set()

    def _encode(self, block: Block, pts: int) -> OpusPacket:
        with ENCODE_S.time():
            return self._encoder.encode(block, pts)
