"""The synthesiser: strikes and affect in, 48 kHz stereo out, ten milliseconds at a time.

    synth = Synth(PRESETS["lofi"], seed=1)
    synth.schedule(performance.strikes)     # at_sample counts from the start of the piece
    synth.express(valence, arousal)         # each tick; heard within it, gliding over about 45 ms
    pcm = synth.render_tick()               # float32 (480, 2), |x| <= 0.88
    synth.prepare(PRESETS["jazz"])          # optional: tones are rendered ahead in a thread
    synth.change(PRESETS["jazz"])           # the mix moves over 3 s, sounding notes ring out
    synth.close()                           # frees the process's one audio graph; the next Synth may come

Deterministic: same seed, strikes and affect give the same samples bit for bit. Notes start on a grid of
`rack.GRID_SAMPLES` (2 ms). The limiter delays everything by `Synth.latency_samples`. One Synth in a process
at a time (SignalFlow has one graph); all calls from the thread that made it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from composer.bank import Bank
from composer.drumkit import DRUMS
from composer.errors import ComposerError
from composer.expression import clamped, sound
from composer.groove import drums_of
from composer.instruments import INSTRUMENTS
from composer.leveller import DEFAULT_LUFS, Leveller
from composer.limiter import LATENCY_SAMPLES, Limiter
from composer.presets import SECTIONS, Mix, Preset
from composer.rack import GRID_SAMPLES, Rack, Settings
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES, Strike

Block = npt.NDArray[np.float32]

_CHANGE_TICKS = 300
"""A change of preset takes 3 s."""
_GLIDE = 1.0 - math.exp(-TICK_SAMPLES / SAMPLE_RATE_HZ / 0.045)
_QUEUE_LIMIT = 16_384
_WARM_RANGES = {0: (57, 88), 1: (52, 79), 2: (48, 76), 3: (33, 55)}
"""Pitches to render ahead for each role."""


class SynthError(ComposerError):
    """The synthesiser was asked for something it cannot play; the message says what."""


class Synth:
    """One piece's sound. See the module's text for the order of calls."""

    latency_samples = LATENCY_SAMPLES

    def __init__(
        self,
        preset: Preset,
        seed: int,
        start_sample: int = 0,
        warm: bool = True,
        loudness_lufs: float = DEFAULT_LUFS,
    ) -> None:
        """`start_sample` is the piece's position of the first tick (a multiple of TICK_SAMPLES).

        `warm` renders tones ahead in a thread, for real time; without it each is made when first struck. It
        changes no sample. `loudness_lufs` is where the leveller holds the middle of the arousal axis.
        """
        self._bank = Bank()
        self._rack = Rack(self._bank, seed)
        self._leveller = Leveller(loudness_lufs)
        self._limiter = Limiter()
        self._now = start_sample
        self._queue: list[tuple[int, int, Strike]] = []
        self._count = 0
        self._preset = preset
        self._mix = self._old_mix = preset.mix
        self._change_left = 0
        self._retiring = False
        self._wanted = (0.0, 0.0)
        self._affect = (0.0, 0.0)
        self._expressed = False
        self._raw = np.zeros((TICK_SAMPLES, 2), dtype=np.float32)
        self._warm = warm
        self.prepare(preset)

    @property
    def now(self) -> int:
        """The sample the next tick begins at."""
        return self._now

    @property
    def sounding(self) -> int:
        """Voices in use, of every section."""
        return sum(pool.sounding for pool in self._rack.pools.values())

    def schedule(self, strikes: Iterable[Strike]) -> None:
        """Queue `strikes`, in any order. One in the past is struck at once.

        Raises SynthError for an unknown instrument or section, or when the queue is absurdly long.
        """
        for strike in strikes:
            name, _, section = strike.instrument.partition("@")
            if section not in SECTIONS or (name not in INSTRUMENTS and name not in DRUMS):
                raise SynthError(f"No instrument is called {strike.instrument!r}: write patch@section.")
            if len(self._queue) >= _QUEUE_LIMIT:
                raise SynthError(
                    f"More than {_QUEUE_LIMIT} strikes are waiting: render before scheduling more."
                )
            at = -(-strike.at_sample // GRID_SAMPLES) * GRID_SAMPLES
            heapq.heappush(self._queue, (at, self._count, strike))
            self._count += 1

    def express(self, valence: float, arousal: float) -> None:
        """Affect from the next tick on; clamped to [-1, 1], a value that is not a number is 0."""
        self._wanted = (clamped(valence), clamped(arousal))
        if not self._expressed:
            # The piece begins where it is told to, not by gliding there from the middle.
            self._affect = self._wanted
            self._expressed = True

    def prepare(self, preset: Preset) -> None:
        """Begin to render the tones of `preset` in the background, for a `change` soon to come.

        Changes no sample.
        """
        if self._warm:
            self._bank.warm(_warm_list(preset), drums_of(preset.groove))

    def change(self, preset: Preset) -> None:
        """Move the mix to `preset` over 3 s. Notes already sounding ring out on their own instruments."""
        self._old_mix = self._mixed()
        self._mix = preset.mix
        self._preset = preset
        self._change_left = _CHANGE_TICKS
        self._retiring = True
        self.prepare(preset)

    def render_tick(self) -> Block:
        """The next 10 ms, shape (480, 2), never over full scale."""
        self._bank.adopt()
        v, a = self._affect
        self._affect = (v + (self._wanted[0] - v) * _GLIDE, a + (self._wanted[1] - a) * _GLIDE)
        self._rack.set(self._settings())
        end = self._now + TICK_SAMPLES
        done = 0
        while done < TICK_SAMPLES:
            self._play_due(self._now + done)
            following = self._queue[0][0] if self._queue else end
            size = min(following, end) - (self._now + done)
            size = max(-(-size // GRID_SAMPLES) * GRID_SAMPLES, GRID_SAMPLES)
            self._raw[done : done + size] = self._rack.render(size).T
            done += size
        self._now = end
        if self._change_left:
            self._change_left -= 1
        elif self._retiring:
            self._retire()
        self._leveller.process(self._raw, self._affect[1])
        return self._limiter.process(self._raw)

    def level(self) -> float:
        """What the slow leveller has learnt; hand it to `resume_level` of a synth that takes over."""
        return self._leveller.excess

    def resume_level(self, level: float) -> None:
        """Take over a leveller's state. Call it after warming up, before the first tick that is heard."""
        self._leveller.resume(level)

    def close(self) -> None:
        """Free the graph and the memory. May be called twice; the object is of no use afterwards."""
        self._bank.close()
        self._rack.close()

    def _play_due(self, now: int) -> None:
        for pool in self._rack.pools.values():
            pool.advance(now)
        while self._queue and self._queue[0][0] <= now:
            strike = heapq.heappop(self._queue)[2]
            self._rack.pools[strike.instrument.partition("@")[2]].strike(strike, now)

    def _retire(self) -> None:
        """Once the change is over and nothing of the old preset sounds or waits, forget its zones."""
        wanted = _patches(self._preset)
        busy = {name for pool in self._rack.pools.values() for name in pool.patches()}
        waiting = {strike.instrument.partition("@")[0] for _, _, strike in self._queue}
        drums = set(drums_of(self._preset.groove))
        if busy <= wanted | drums and waiting <= wanted | drums:
            self._retiring = False
            self._bank.keep(wanted | drums)

    def _mixed(self) -> Mix:
        """The mix now: on its way from the old preset's to the new one's."""
        if not self._change_left:
            return self._mix
        x = 1.0 - self._change_left / _CHANGE_TICKS
        x = x * x * (3.0 - 2.0 * x)
        old, new = self._old_mix, self._mix
        return Mix(
            trim_db=old.trim_db + (new.trim_db - old.trim_db) * x,
            cutoff_hz=old.cutoff_hz * (new.cutoff_hz / old.cutoff_hz) ** x,
            reverb=old.reverb + (new.reverb - old.reverb) * x,
            decay=old.decay + (new.decay - old.decay) * x,
            width=old.width + (new.width - old.width) * x,
            chorus=old.chorus + (new.chorus - old.chorus) * x,
            echo=old.echo + (new.echo - old.echo) * x,
        )

    def _settings(self) -> Settings:
        mix = self._mixed()
        how = sound(*self._affect)
        cutoff = mix.cutoff_hz * 2.0**how.cutoff_octaves
        return Settings(
            gain=10.0 ** ((mix.trim_db + how.gain_db) / 20.0),
            lead_hz=min(cutoff * 1.3, 14_000.0),
            harmony_hz=min(cutoff, 14_000.0),
            bass_hz=min(0.5 * cutoff + 300.0, 8_000.0),
            drums_hz=min(1.7 * cutoff, 12_000.0),
            reverb=mix.reverb * how.reverb_scale,
            decay=mix.decay,
            echo=mix.echo,
            chorus=mix.chorus * how.chorus_scale,
            air=how.air,
            width=min(mix.width * how.width_scale, 1.6),
            vibrato=2.0 ** (how.vibrato_cents / 1200.0) - 1.0,
            vibrato_hz=how.vibrato_hz,
        )


def _patches(preset: Preset) -> set[str]:
    names = {part.patch for part in preset.parts}
    return names | {preset.drone} if preset.drone else names


def _warm_list(preset: Preset) -> Sequence[tuple[str, int, int]]:
    """What to render ahead, the layers that play at once first."""
    parts = sorted(preset.parts, key=lambda part: part.above)
    out = []
    for part in parts:
        low, high = _WARM_RANGES[part.role]
        out.append((part.patch, low + part.shift, high + part.shift))
    return out
