"""What was played as a Standard MIDI File, written while it is played.

    with MidiFile(path, "lofi, seed 1") as midi:
        composer = SymbolicComposer(*playable(read()), played=midi.add)
        ...

One track (format 0, RP-001): a track's length stands before its events, so several tracks could not grow side
by side in one file. Instruments are told apart by channel; programs and drums are General MIDI's. A beat of
the music is a beat of the file: the tempo map follows every bend the performer made, to half a
millisecond, and notes keep the unevenness they were played with. `flush` leaves a complete file behind.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from pathlib import Path

from composer.drumkit import DRUMS
from composer.instruments import INSTRUMENTS
from composer.played import Begun, Sounded
from composer.score import SAMPLE_RATE_HZ, STEPS_PER_QUARTER

TICKS_PER_QUARTER = 960
_TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
_DRUM_CHANNEL = 9
_CHANNELS = tuple(channel for channel in range(16) if channel != _DRUM_CHANNEL)
_TOLERANCE_US = 500.0
"""The tempo stays as it is while the next beat then ends this close to where it should."""
_SLOWEST_US = 0xFFFFFF
_TEMPO, _METER, _NAME, _INSTRUMENT, _PREFIX, _END = 0x51, 0x58, 0x03, 0x04, 0x20, 0x2F


class MidiFile:
    """One recording. `add` is called from one thread: events in order of time, beats before their notes."""

    def __init__(self, path: Path, name: str = "") -> None:
        """Raises OSError when `path` cannot be written."""
        self._file = path.open("wb")
        self._file.write(b"MThd" + _wide(6) + b"\x00\x00\x00\x01" + TICKS_PER_QUARTER.to_bytes(2, "big"))
        self._file.write(b"MTrk" + _wide(0))
        self._body = self._file.tell()
        self._tick = 0
        self._coming: deque[Begun] = deque()
        self._beat: Begun | None = None
        self._beat_tick = 0
        self._origin = 0
        self._elapsed_us = 0.0
        """Where the tempo map puts the end of the current beat."""
        self._tempo_us = 0
        self._meter: tuple[int, bool] | None = None
        self._channels: OrderedDict[str, int] = OrderedDict()
        """Least recently struck first."""
        self._on: dict[tuple[int, int], int] = {}
        """How often (channel, pitch) is struck and not let go."""
        if name:
            self._meta(0, _NAME, name.encode("utf-8", "replace")[:200])

    def __enter__(self) -> MidiFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, event: Begun | Sounded) -> None:
        """Write down `event`. A note before the first beat is left out: it has no place in the music."""
        if isinstance(event, Begun):
            self._coming.append(event)
            return
        self._catch_up(event.at_sample)
        if self._beat is not None:
            self._sound(event, self._tick_at(event.at_sample))

    def flush(self) -> None:
        """Make what was written so far a complete file; it may still grow."""
        place = self._file.tell()
        self._file.write(b"\x00\xff" + bytes((_END, 0)))
        self._file.seek(self._body - 4)
        self._file.write(_wide(place + 4 - self._body))
        self._file.flush()
        self._file.seek(place)

    def close(self, at_sample: int | None = None) -> None:
        """Let go of every note, at `at_sample` or at the last event, and end the file. Idempotent."""
        if self._file.closed:
            return
        tick = self._tick
        if at_sample is not None:
            self._catch_up(at_sample)
            tick = self._tick_at(at_sample)
        for channel, pitch in self._on:
            self._message(tick, bytes((0x80 | channel, pitch, 64)))
        self._on.clear()
        self._meta(tick, _END, b"")
        self._file.seek(0, 2)
        size = self._file.tell() - self._body
        self._file.seek(self._body - 4)
        self._file.write(_wide(size))
        self._file.close()

    def _catch_up(self, at_sample: int) -> None:
        """Begin the beats that are due at `at_sample`."""
        while self._coming and self._coming[0].at_sample <= at_sample:
            self._begin(self._coming.popleft())

    def _begin(self, beat: Begun) -> None:
        if self._beat is None:
            self._origin = beat.at_sample
        else:
            self._beat_tick += self._beat.steps * _TICKS_PER_STEP
        self._beat = beat
        quarters = beat.steps / STEPS_PER_QUARTER
        ends_us = 1e6 * (beat.at_sample + beat.length_samples - self._origin) / SAMPLE_RATE_HZ
        if abs(self._elapsed_us + quarters * self._tempo_us - ends_us) > _TOLERANCE_US:
            # Aimed at the end of the beat, not at its length: rounding cannot add up.
            self._tempo_us = min(max(round((ends_us - self._elapsed_us) / quarters), 1), _SLOWEST_US)
            self._meta(self._beat_tick, _TEMPO, self._tempo_us.to_bytes(3, "big"))
        self._elapsed_us += quarters * self._tempo_us
        meter = beat.bar_steps, beat.compound
        if meter != self._meter:
            self._meter = meter
            self._meta(self._beat_tick, _METER, _time_signature(*meter))

    def _tick_at(self, at_sample: int) -> int:
        if self._beat is None:
            return 0
        share = (at_sample - self._beat.at_sample) / self._beat.length_samples
        return self._beat_tick + max(round(share * self._beat.steps * _TICKS_PER_STEP), 0)

    def _sound(self, event: Sounded, tick: int) -> None:
        channel = self._channel(event.instrument, tick)
        key = channel, event.pitch
        struck = self._on.get(key, 0)
        if event.velocity > 0.0:
            if struck:
                self._message(tick, bytes((0x80 | channel, event.pitch, 64)))
            self._message(tick, bytes((0x90 | channel, event.pitch, midi_velocity(event.velocity))))
            self._on[key] = struck + 1
        elif struck == 1:
            self._message(tick, bytes((0x80 | channel, event.pitch, 64)))
            del self._on[key]
        elif struck:
            self._on[key] = struck - 1

    def _channel(self, instrument: str, tick: int) -> int:
        """The instrument's channel; a new instrument takes a free one, else the one unused for longest."""
        name = instrument.partition("@")[0]
        if name in DRUMS:
            return _DRUM_CHANNEL
        if instrument in self._channels:
            self._channels.move_to_end(instrument)
            return self._channels[instrument]
        channel = next((c for c in _CHANNELS if c not in self._channels.values()), -1)
        if channel < 0:
            _, channel = self._channels.popitem(last=False)
            for key in [key for key in self._on if key[0] == channel]:
                self._message(tick, bytes((0x80 | channel, key[1], 64)))
                del self._on[key]
        self._channels[instrument] = channel
        self._meta(tick, _PREFIX, bytes((channel,)))
        self._meta(tick, _INSTRUMENT, instrument.encode("utf-8"))
        self._message(tick, bytes((0xC0 | channel, INSTRUMENTS[name].program)))
        return channel

    def _meta(self, tick: int, kind: int, data: bytes) -> None:
        self._message(tick, bytes((0xFF, kind)) + _variable(len(data)) + data)

    def _message(self, tick: int, message: bytes) -> None:
        tick = max(tick, self._tick)
        self._file.write(_variable(tick - self._tick) + message)
        self._tick = tick


def midi_velocity(velocity: float) -> int:
    """MIDI velocity for an amplitude in (0, 1]: General MIDI instruments play 40 log10(v / 127) dB (DLS)."""
    return min(max(round(127.0 * math.sqrt(velocity)), 1), 127)


def _time_signature(bar_steps: int, compound: bool) -> bytes:
    """Numerator, power of two of the denominator, clocks per click, thirty-seconds per quarter."""
    if compound:
        return bytes((bar_steps // 6, 3, 36, 8))
    for power, unit in ((2, 12), (3, 6), (4, 3)):
        if bar_steps % unit == 0:
            return bytes((bar_steps // unit, power, 24, 8))
    raise ValueError(f"A bar of {bar_steps} steps has no time signature.")


def _variable(value: int) -> bytes:
    """A variable-length quantity: seven bits a byte, most significant first."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | value & 0x7F)
    return bytes(reversed(out))


def _wide(value: int) -> bytes:
    return value.to_bytes(4, "big")
