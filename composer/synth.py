"""The synthesiser: strikes and affect in, 48 kHz stereo out, ten milliseconds at a time.

    synth = Synth(PRESETS["lofi"], seed=1)
    synth.schedule(performance.strikes)     # at_sample counts from the start of the piece
    synth.express(valence, arousal)         # each tick; heard within it, gliding over about 45 ms
    pcm = synth.render_tick()               # float32 (480, 2), |x| <= 0.88
    synth.bar()                             # at bar lines: a fresh rack may take over (see composer.relay)
    synth.prepare(PRESETS["jazz"])          # optional: tones are rendered ahead in a thread
    synth.change(PRESETS["jazz"])           # new notes in the new mix, sounding ones ring out in the old
    kept = synth.state()                    # plain JSON values
    synth.close()                           # frees the process's one audio graph; the next Synth may come
    synth = Synth.resumed(PRESETS["jazz"], seed=1, state=kept)

Deterministic: same seed, strikes, bars and affect give the same samples bit for bit, and so does a resumed
one. Notes start on a grid of
`rack.GRID_SAMPLES` (2 ms). The limiter delays everything by `Synth.latency_samples`. One Synth in a process
at a time (SignalFlow has one graph); all calls from the thread that made it.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from composer.bank import Bank
from composer.bank import stock as fill
from composer.compressor import Compressor, CompressorState
from composer.drumkit import DRUMS
from composer.errors import ComposerError
from composer.expression import clamped, sound
from composer.figures import DRONE_RANGE
from composer.grammar import RANGES
from composer.groove import drums_of
from composer.instruments import INSTRUMENTS
from composer.leveller import DEFAULT_LUFS, Leveller
from composer.limiter import LATENCY_SAMPLES, Limiter
from composer.played import Stems, Taps
from composer.presets import SECTIONS, Mix, Preset
from composer.rack import GRID_SAMPLES, Settings
from composer.relay import Leg, Relay
from composer.room import ROUTES, Room, RoomState
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES, Strike

Block = npt.NDArray[np.float32]

_GLIDE = 1.0 - math.exp(-TICK_SAMPLES / SAMPLE_RATE_HZ / 0.045)
_QUEUE_LIMIT = 16_384
_KNEE = 0.16
"""Level before the gain from which on the bus is compressed."""
_QUICK_SAMPLES = 2 * SAMPLE_RATE_HZ


class Expressed(NamedTuple):
    """From sample `at` on `wanted` was aimed at, coming from `affect`: (valence, arousal) both."""

    at: int
    affect: tuple[float, float]
    wanted: tuple[float, float]


class Struck(NamedTuple):
    at: int
    """The sample it was begun at, on the grid."""
    strike: Strike


class SynthState(TypedDict):
    """What a successor needs. JSON-able and exact."""

    now: int
    legs: list[Any]
    expressed: list[Any]
    struck: list[Any]
    queued: list[Any]
    room: RoomState
    compressor: list[float]
    excess: float
    limiter: dict[str, Any]


class SynthError(ComposerError):
    """The synthesiser was asked for something it cannot play; the message says what."""


def stock(preset: Preset) -> None:
    """Render the tones of `preset` now, for every Synth made later: see `composer.bank.stock`."""
    fill(_warm_list(preset), drums_of(preset.groove))


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
        first: Leg | None = None,
        taps: Taps | None = None,
    ) -> None:
        """`start_sample` is the piece's position of the first tick (a multiple of TICK_SAMPLES).

        `warm` renders tones ahead in a thread, for real time; without it each is made when first struck. It
        changes no sample. `loudness_lufs` is where the leveller holds the middle of the arousal axis. `first`
        is for `resumed`: the rack to begin with. `taps` asks for more than the sound.
        """
        self._bank = Bank()
        self._taps = taps or Taps()
        self._relay = Relay(
            self._bank, seed, first or Leg(start_sample, start_sample, preset.mix), self._taps
        )
        self._stems = np.zeros((len(SECTIONS), TICK_SAMPLES, 2), dtype=np.float32)
        self._room = Room(self._relay.pairs)
        self._sent = np.zeros((self._relay.pairs, ROUTES, 2, TICK_SAMPLES), dtype=np.float32)
        self._compressor = Compressor()
        self._knee = _KNEE
        self._width = 1.0
        self._echoes = False
        self._leveller = Leveller(loudness_lufs)
        self._limiter = Limiter()
        self._now = start_sample
        self._queue: list[tuple[int, int, Strike]] = []
        self._count = 0
        self._preset = preset
        self._retiring = False
        self._wanted = (0.0, 0.0)
        self._affect = (0.0, 0.0)
        self._expressions: deque[Expressed] = deque()
        self._struck: deque[Struck] = deque()
        self._raw = np.zeros((TICK_SAMPLES, 2), dtype=np.float32)
        self._warm = warm
        self.prepare_tones(preset)

    @property
    def now(self) -> int:
        """The sample the next tick begins at."""
        return self._now

    @property
    def sounding(self) -> int:
        """Voices in use, of every section."""
        return self._relay.sounding

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
        wanted = (clamped(valence), clamped(arousal))
        if not self._expressions:
            # The piece begins where it is told to, not by gliding there from the middle.
            self._affect = wanted
        elif wanted == self._wanted:
            return
        self._wanted = wanted
        self._expressions.append(Expressed(self._now, self._affect, wanted))

    def prepare_tones(self, preset: Preset) -> None:
        """Begin to render the tones of `preset` in the background. Changes no sample."""
        if self._warm:
            self._bank.warm(_warm_list(preset), drums_of(preset.groove))

    def prepare(self, preset: Preset) -> None:
        """Get ready for a `change` to `preset` soon to come."""
        self.prepare_tones(preset)
        self._relay.prepare(preset.mix, self._now)

    def change(self, preset: Preset) -> None:
        """From here on new notes sound in `preset`. Those already sounding ring out as they were."""
        self._preset = preset
        self._relay.change(preset.mix, self._now)
        self._retiring = True
        self.prepare_tones(preset)

    def bar(self) -> None:
        """A bar begins in the coming tick: where one rack may take over from another unnoticed."""
        self._relay.hand_over(self._now)

    def render_tick(self) -> Block:
        """The next 10 ms, shape (480, 2), never over full scale."""
        self._bank.adopt()
        self._relay.tick(self._now)
        self._render_racks()
        self._mix()
        if self._retiring:
            self._retire()
        self._forget()
        self._compressor.process(self._raw, self._knee)
        self._leveller.process(self._raw, self._affect[1])
        return self._limiter.process(self._raw)

    def _render_racks(self) -> None:
        """One tick of the racks' sum into `_sent`."""
        v, a = self._affect
        self._affect = (v + (self._wanted[0] - v) * _GLIDE, a + (self._wanted[1] - a) * _GLIDE)
        settings = {mix: _settings(mix, self._affect) for mix in self._relay.mixes()}
        self._relay.move(settings, self._now)
        self._echoes = any(mix.echo > 0.0 for mix in settings)
        leading = settings[self._relay.mix]
        self._width = leading.width
        # The knee moves with the gain, as if the gain came after: loud affect is glued no more than soft.
        self._knee = _KNEE * leading.gain
        end = self._now + TICK_SAMPLES
        done = 0
        while done < TICK_SAMPLES:
            self._play_due(self._now + done)
            following = self._queue[0][0] if self._queue else end
            size = min(following, end) - (self._now + done)
            size = max(-(-size // GRID_SAMPLES) * GRID_SAMPLES, GRID_SAMPLES)
            self._sent[..., done : done + size] = self._relay.render(size)
            done += size
        self._now = end

    def _mix(self) -> None:
        """What the racks sent, and what rings in the room, into `_raw`."""
        heard = self._room.process(self._sent, self._relay.mix.decay, self._width, self._echoes)
        self._raw = heard[0].T
        if self._taps.stems:
            self._stems[:] = heard[1:].transpose(0, 2, 1)

    def stems(self) -> Stems:
        """The last tick of each section, before the bus and not delayed by the limiter. Zeros if not asked
        for; overwritten by the next tick."""
        return self._stems

    def state(self) -> SynthState:
        """What `resumed` needs: what was struck and expressed since the oldest rack was new."""
        return {
            "now": self._now,
            "legs": [[leg.born, leg.leads_from, asdict(leg.mix)] for leg in self._relay.legs()],
            "expressed": list(self._expressions),
            "struck": list(self._struck),
            "queued": [strike for _, _, strike in sorted(self._queue)],
            "room": self._room.state(),
            "compressor": list(self._compressor.state),
            "excess": self._leveller.excess,
            "limiter": self._limiter.state(),
        }

    @classmethod
    def resumed(
        cls,
        preset: Preset,
        seed: int,
        state: SynthState,
        *,
        exact: bool = True,
        loudness_lufs: float = DEFAULT_LUFS,
        taps: Taps | None = None,
    ) -> Synth:
        """A synthesiser that goes on where `state` was taken.

        `exact`: to the bit, by playing what the racks have heard again, unheard: up to half a minute of it,
        many times faster than it sounded. Otherwise the last two seconds only: oscillators that ring come
        back in another phase, but at once.

        Raises KeyError, TypeError or ValueError when `state` is not a synthesiser's.
        """
        now = int(state["now"])
        legs = [Leg(born, leads, Mix(**mix)) for born, leads, mix in state["legs"]]
        struck = [Struck(at, Strike(*strike)) for at, strike in state["struck"]]
        if not exact:
            begin = max(now - _QUICK_SAMPLES, legs[0].born)
            leader = [leg for leg in legs if leg.leads_from >= 0][-1]
            legs = [Leg(begin, begin, leader.mix)]
            struck = [later for one in struck if (later := _from(one, begin)) is not None]
        made = cls(preset, seed, legs[0].born, loudness_lufs=loudness_lufs, first=legs[0], taps=taps)
        made._replay(legs, [_expressed(row) for row in state["expressed"]], struck, now)
        made.schedule(Strike(*row) for row in state["queued"])
        made._room.resume(state["room"])
        made._compressor.state = CompressorState(*state["compressor"])
        made._leveller.resume(state["excess"])
        made._limiter.resume(state["limiter"])
        if taps is not None and taps.played is not None:
            taps.played.clear()  # what was replayed has been told before
        return made

    def _replay(self, legs: list[Leg], expressed: list[Expressed], struck: list[Struck], now: int) -> None:
        """From the first leg's birth to `now`, unheard."""
        coming = deque(expressed)
        while coming and coming[0].at <= self._now:
            self._affect, self._wanted = coming[0].affect, coming[0].wanted
            self._expressions.append(coming.popleft())
        if self._expressions:
            v, a = self._affect
            for _ in range((self._now - self._expressions[-1].at) // TICK_SAMPLES):
                v, a = v + (self._wanted[0] - v) * _GLIDE, a + (self._wanted[1] - a) * _GLIDE
            self._affect = v, a
        for at, strike in struck:
            heapq.heappush(self._queue, (at, self._count, strike))
            self._count += 1
        while self._now < now:
            if coming and coming[0].at == self._now:
                self._affect, self._wanted = coming[0].affect, coming[0].wanted
                self._expressions.append(coming.popleft())
            self._relay.retrace(legs, self._now)
            self._render_racks()
        self._relay.retrace(legs, now)

    def close(self) -> None:
        """Free the graph and the memory. May be called twice; the object is of no use afterwards."""
        self._bank.close()
        self._relay.close()

    def _play_due(self, now: int) -> None:
        self._relay.advance(now)
        while self._queue and self._queue[0][0] <= now:
            strike = heapq.heappop(self._queue)[2]
            self._struck.append(Struck(now, strike))
            self._relay.strike(strike, now)

    def _forget(self) -> None:
        """What no rack remembers need not be kept."""
        oldest = self._relay.oldest
        while self._struck and self._struck[0].at < oldest:
            self._struck.popleft()
        while len(self._expressions) > 1 and self._expressions[1].at <= oldest:
            self._expressions.popleft()

    def _retire(self) -> None:
        """Once nothing of the old preset sounds or waits after a change, forget its zones."""
        wanted = _patches(self._preset) | set(drums_of(self._preset.groove))
        waiting = {strike.instrument.partition("@")[0] for _, _, strike in self._queue}
        if self._relay.patches() <= wanted and waiting <= wanted:
            self._retiring = False
            self._bank.keep(wanted)


def _settings(mix: Mix, affect: tuple[float, float]) -> Settings:
    how = sound(*affect)
    cutoff = mix.cutoff_hz * 2.0**how.cutoff_octaves
    return Settings(
        gain=10.0 ** ((mix.trim_db + how.gain_db) / 20.0),
        lead_hz=min(cutoff * 1.3, 14_000.0),
        harmony_hz=min(cutoff, 14_000.0),
        bass_hz=min(0.5 * cutoff + 300.0, 8_000.0),
        drums_hz=min(1.7 * cutoff, 12_000.0),
        reverb=mix.reverb * how.reverb_scale,
        echo=mix.echo,
        chorus=mix.chorus * how.chorus_scale,
        air=how.air,
        width=min(mix.width * how.width_scale, 1.6),
        vibrato=2.0 ** (how.vibrato_cents / 1200.0) - 1.0,
        vibrato_hz=how.vibrato_hz,
    )


def _expressed(row: Sequence[Any]) -> Expressed:
    at, (v, a), (wanted_v, wanted_a) = row
    return Expressed(at, (v, a), (wanted_v, wanted_a))


def _from(struck: Struck, begin: int) -> Struck | None:
    """The note as one struck at `begin`, if it was struck earlier and still sounds; None when it is over."""
    at, strike = struck
    if at >= begin:
        return struck
    left = at + strike.length_samples - begin
    return Struck(begin, strike._replace(length_samples=left)) if left > 0 else None


def _patches(preset: Preset) -> set[str]:
    names = {part.patch for part in preset.parts}
    return names | {preset.drone} if preset.drone else names


def _warm_list(preset: Preset) -> Sequence[tuple[str, int, int]]:
    """What to render ahead, all that can be asked for: the layers that play at once first."""
    parts = sorted(preset.parts, key=lambda part: part.above)
    out = []
    for part in parts:
        low, high = RANGES[part.role]
        out.append((part.patch, low + part.shift, high + part.shift))
    return [*out, (preset.drone, *DRONE_RANGE)] if preset.drone else out
