"""Voices: a fixed pool for each mixer section, and who gets which.

A voice is a buffer player, a level that glides (one-pole, so no level ever jumps) and a low-pass. Nothing is
made or freed for a note: a free voice is given another buffer, triggered, and plugged into its section's
mixer; when it is silent again it is unplugged, so that only what sounds costs anything.

**Stealing.** When a section has no free voice, the one longest in release is taken, else the one that began
first. It is faded with a time constant of 2.2 ms and starts the new note `FADE_SAMPLES` (14 ms) later, when
55 dB are gone: late by less than anyone hears, and without a click. A struck key that is struck again lets go
of its older note.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import signalflow as sf

from composer.bank import Bank, nearest_zone
from composer.chance import choose
from composer.drumkit import DRUMS, TAKES
from composer.instruments import INSTRUMENTS
from composer.played import Sounded
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES, Strike

FADE_SAMPLES = 672
_FADE_S = 0.0022
_FAINT_AFTER, _FAINT_TIMES = 3.5, 3.0
"""Time constants until a released voice is faint (-30 dB) and falls that many times as fast: half of all that
sound are notes that were let go of, under those that are not."""
_SILENT_AFTER = 2.5 / _FAINT_TIMES
"""Time constants of the note from there until it counts as silent (-52 dB)."""
_DRUM_ATTACK_S = 0.0004
_DRUM_RELEASE_S = 0.03
_NEVER = 1 << 62


def _coefficient(tau_s: float) -> float:
    return math.exp(-1.0 / (tau_s * SAMPLE_RATE_HZ))


@dataclass
class Voice:
    """One channel strip of the pool and what it is doing. Nodes are set by value only, never replaced."""

    player: sf.BufferPlayer
    rate: sf.Constant
    vibrato: sf.Constant
    loop: sf.Constant
    level: sf.Constant
    glide: sf.Constant
    cutoff: sf.Constant
    output: sf.Node
    busy: bool = False
    began: int = 0
    release_at: int = _NEVER
    faint_at: int = _NEVER
    free_at: int = _NEVER
    released: bool = False
    release_s: float = 0.1
    key: tuple[str, int] = ("", 0)
    pending: Strike | None = None
    pending_at: int = 0
    patch: str = ""
    sounding: int = 0
    """MIDI pitch being played."""

    @property
    def due(self) -> int:
        """The sample at which something is to be done about it."""
        if self.pending is not None:
            return self.pending_at
        return min(self.free_at, self.faint_at if self.released else self.release_at)


def make_voice(vibrato: sf.Node | None, silence: sf.Buffer, flat: sf.Node | None) -> Voice:
    """Build one voice into the current graph. `vibrato` is the shared modulation, in fractions of pitch;
    `flat` the filters' resonance, None for a voice without a filter."""
    rate, depth = sf.Constant(1.0), sf.Constant(0.0)
    loop, level, glide, cutoff = sf.Constant(0.0), sf.Constant(0.0), sf.Constant(0.0), sf.Constant(2000.0)
    player = sf.BufferPlayer(silence, rate=rate if vibrato is None else rate + vibrato * depth, loop=loop)
    output: sf.Node = player * sf.Smooth(level, glide)
    if flat is not None:
        output = sf.SVFilter(output, "low_pass", cutoff, flat)
    return Voice(player, rate, depth, loop, level, glide, cutoff, output)


class Pool:
    """The voices of one section."""

    def __init__(
        self, voices: list[Voice], mixer: sf.Sum, bank: Bank, seed: int, played: list[Sounded] | None = None
    ) -> None:
        """Starts and ends of notes are appended to `played`, if there is one."""
        self._voices = voices
        self._mixer = mixer
        self._bank = bank
        self._seed = seed
        self._played = played
        self._due = _NEVER
        """Nothing is to be released, freed or begun before this sample."""

    @property
    def sounding(self) -> int:
        """How many voices are in use."""
        return sum(voice.busy for voice in self._voices)

    def patches(self) -> set[str]:
        """Names of the patches now sounding."""
        return {voice.patch for voice in self._voices if voice.busy}

    def strike(self, strike: Strike, now: int) -> None:
        """Start `strike` at sample `now` on a free voice, or on a stolen one a fade later."""
        key = (strike.instrument, strike.pitch)
        self.damp(key, now)
        free = next((voice for voice in self._voices if not voice.busy), None)
        if free is not None:
            self._begin(free, strike, now)
            return
        victim = min(
            (voice for voice in self._voices if voice.pending is None),
            key=lambda voice: (not voice.released, voice.release_at if voice.released else voice.began),
            default=None,
        )
        if victim is None:
            return  # Every voice of the section is being stolen in the same 14 ms: one note more is lost.
        if not victim.released:
            self._note(victim, now, 0.0)
        victim.glide.set_value(_coefficient(_FADE_S))
        victim.level.set_value(0.0)
        victim.pending = strike
        victim.pending_at = now + FADE_SAMPLES
        self._due = min(self._due, victim.due)
        victim.key = key

    def damp(self, key: tuple[str, int], now: int) -> None:
        """Let go of the note of `key`, (instrument, pitch): it is struck again, here or on another rack."""
        for voice in self._voices:
            if voice.busy and voice.key == key and not voice.released and voice.pending is None:
                self._release(voice, now)

    def advance(self, now: int) -> None:
        """Release and free what is due at `now`; start stolen notes whose fade is over."""
        if now < self._due:
            return
        for voice in self._voices:
            if not voice.busy:
                continue
            if voice.pending is not None:
                if now >= voice.pending_at:
                    strike, voice.pending = voice.pending, None
                    self._begin(voice, strike, now)
            elif now >= voice.free_at:
                if not voice.released:
                    self._note(voice, now, 0.0)
                self._mixer.remove_input(voice.output)
                voice.busy = False
            elif not voice.released and now >= voice.release_at:
                self._release(voice, now)
            elif voice.released and now >= voice.faint_at:
                voice.faint_at = _NEVER
                voice.glide.set_value(_coefficient(voice.release_s / _FAINT_TIMES))
        self._due = min((voice.due for voice in self._voices if voice.busy), default=_NEVER)

    def end(self, now: int) -> None:
        """The section is heard no more: whatever still sounded ends here."""
        for voice in self._voices:
            if voice.busy and not voice.released and voice.pending is None:
                self._note(voice, now, 0.0)

    def _release(self, voice: Voice, now: int) -> None:
        self._note(voice, now, 0.0)
        voice.released = True
        voice.release_at = now
        voice.glide.set_value(_coefficient(voice.release_s))
        voice.level.set_value(0.0)
        # At a tick's beginning, which is looked at whatever the other sections play.
        faint = now + int(_FAINT_AFTER * voice.release_s * SAMPLE_RATE_HZ)
        voice.faint_at = -(-faint // TICK_SAMPLES) * TICK_SAMPLES
        silent = voice.faint_at + int(_SILENT_AFTER * voice.release_s * SAMPLE_RATE_HZ)
        voice.free_at = min(voice.free_at, silent)
        self._due = min(self._due, voice.due)

    def _begin(self, voice: Voice, strike: Strike, now: int) -> None:
        name = strike.instrument.partition("@")[0]
        if name in DRUMS:
            drum = DRUMS[name]
            take = choose(self._seed, TAKES, strike.at_sample, len(name))
            buffer, rate, loop = self._bank.take(name, take), 1.0, False
            pitch, samples = drum.key, int(drum.seconds * SAMPLE_RATE_HZ)
            attack_s, release_s, gain_db = _DRUM_ATTACK_S, _DRUM_RELEASE_S, drum.gain_db
            length = samples
        else:
            patch = INSTRUMENTS[name]
            buffer, rate, loop, samples = self._bank.tone(name, strike.pitch)
            pitch, shape = nearest_zone(patch, strike.pitch)[0], patch.envelope
            attack_s, release_s, gain_db = shape.attack_s, shape.release_s, patch.gain_db
            length = strike.length_samples
            octaves = shape.key_follow * (strike.pitch - 60) / 12.0
            octaves += shape.velocity_follow * (strike.velocity - 0.5)
            voice.cutoff.set_value(min(shape.cutoff_hz * 2.0**octaves, 15_000.0))
        voice.player.set_buffer("buffer", buffer)
        voice.rate.set_value(rate)
        voice.vibrato.set_value(rate if loop else 0.0)
        voice.loop.set_value(1.0 if loop else 0.0)
        voice.player.trigger()
        # Soft notes of slow patches also start softer: the attack is at most a third of the note.
        attack_s = min(attack_s, max(length / SAMPLE_RATE_HZ / 3.0, 0.002))
        voice.glide.set_value(_coefficient(attack_s / 2.0))
        voice.level.set_value(strike.velocity * 10.0 ** (gain_db / 20.0))
        if not voice.busy:
            self._mixer.add_input(voice.output)
        voice.busy = True
        voice.released = False
        voice.faint_at = _NEVER
        voice.began = now
        voice.release_at = now + length
        voice.release_s = release_s
        voice.free_at = _NEVER if loop else now + int(samples / rate) + 1
        voice.key = (strike.instrument, strike.pitch)
        voice.patch = name
        voice.sounding = pitch
        self._due = min(self._due, voice.due)
        self._note(voice, now, strike.velocity)

    def _note(self, voice: Voice, now: int, velocity: float) -> None:
        if self._played is not None:
            self._played.append(Sounded(now, voice.key[0], voice.sounding, velocity))
