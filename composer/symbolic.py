"""The symbolic composer: generator, performer and synthesiser on one clock of 10 ms ticks.

At each tick, in this order: affect commanded for this sample is looked up; a beat that starts within the
tick is performed; at most `TOKENS_PER_TICK` tokens of the next beat are written; the synthesiser renders.
All of it is a function of (anchor, seed, affect curve), so the sizes of the blocks asked for cannot matter.

Three reaction times follow from where each thing is decided: sound at the next tick, notes at the next beat
(they are written in the last `LEAD_TICKS` before it), tempo and layers at the next bar.

One thread owns a composer. One composer per process at a time: SignalFlow keeps one graph.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from composer import tokens
from composer.anchor import read_anchor
from composer.decoding import StepAdapter, StepDecoder
from composer.errors import ComposerError
from composer.generator import Generator, Manner
from composer.performer import Performer
from composer.played import Begun, Listener, StemListener, Taps
from composer.presets import Preset
from composer.score import TICK_SAMPLES, Beat, Note, Strike
from composer.seal import seal, unseal
from composer.synth import Synth
from composer.weights import SHIPPED, playable, read

Block = npt.NDArray[np.float32]

TOKENS_PER_TICK = 1
"""A token costs some milliseconds: with two, a tick took longer than it sounds."""
LEAD_TICKS = 32
"""A beat is written in the last 320 ms before it sounds: late enough to follow, early enough to be ready."""

GUIDANCE = 2.0
EVENTS_KEPT = 20_000
CURVE_KEPT = 4096

_KEY_NAMES = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
_ENSEMBLES = ("lied", "quartet")


def create() -> SymbolicComposer:
    """The composer on the shipped weights. What a composer process calls."""
    return create_from(SHIPPED)


def create_from(folder: Path) -> SymbolicComposer:
    """The composer on weights of your own.

    Raises:
        WeightsError: the folder holds no usable weights.
    """
    return SymbolicComposer(*playable(read(folder)))


def manner_of(preset: Preset, guidance: float = GUIDANCE) -> Manner:
    """What the preset means to the generator."""
    style = preset.style
    return Manner(
        style=(_ENSEMBLES.index(style.ensemble), style.density, style.polyphony, style.triplets),
        meter=tokens.meter_index(preset.bar_steps, preset.compound),
        temperature=style.temperature,
        top_p=style.top_p,
        guidance=guidance,
        idiom=style.idiom,
    )


class SymbolicComposer:
    """One endless piece. See the module for its clock."""

    latency_samples = Synth.latency_samples
    """A steer is heard from the first tick at or after its sample, later by the limiter's look-ahead."""

    def __init__(
        self,
        model: StepDecoder,
        adapter: StepAdapter | None,
        played: Listener | None = None,
        stems: StemListener | None = None,
    ) -> None:
        """`played` is told of beats and notes, `stems` of each section's sound, tick by tick, on the thread
        that renders. The notes and the sound are the same with and without them."""
        self._played = played
        self._stems = stems
        self._taps = Taps(stems is not None, [] if played is not None else None)
        self._model = model
        self._adapter = adapter
        self._anchor_text = ""
        self._seed = 0
        self._first_seed = 0
        """The performer's and the synthesiser's, which stay when another piece is begun."""
        self._preset: Preset | None = None
        self._playing_text = ""
        """The anchor the performer plays: `_anchor_text`, but for the rest of the bar it came in."""
        self._generator: Generator | None = None
        self._performer: Performer | None = None
        self._synth: Synth | None = None
        self._begin()

    def _begin(self) -> None:
        self._now = 0
        self._next_beat_at = 0
        self._beats: deque[Beat] = deque()
        self._curve: deque[tuple[int, float, float]] = deque(maxlen=CURVE_KEPT)
        self._accents: deque[int] = deque(maxlen=16)
        self._affect = (0.0, 0.0)
        self._ready: Block = np.zeros((0, 2), dtype=np.float32)
        self._key = (0, False)
        self._events: deque[Strike] = deque(maxlen=EVENTS_KEPT)

    # -- the contract ---------------------------------------------------------------------------------

    def prime(self, anchor: str, seed: int) -> None:
        """Begin a piece. While one plays: take on another anchor at the next bar, keeping the notes' thread;
        with another seed, go over to another piece at the next beat.

        Raises:
            AnchorError: the text cannot be an anchor.
        """
        preset = read_anchor(anchor).preset
        self._anchor_text, self._preset = anchor, preset
        if self._generator is not None and seed == self._seed:
            self._generator.manner = manner_of(preset)
            if self._synth is not None and self._performer is not None and preset != self._performer.preset:
                self._synth.prepare(preset)
            return
        self._seed = seed
        # Each style has pieces of its own: the same seed is not the same tune in another dress.
        own = seed ^ crc32(preset.name.encode())
        self._generator = Generator(self._model, self._adapter, manner_of(preset), own)
        if self._performer is not None and self._synth is not None:
            if preset != self._performer.preset:
                self._synth.prepare(preset)
            return
        self._first_seed, self._playing_text = seed, anchor
        self._performer = Performer(preset, seed)
        self._synth = Synth(preset, seed, taps=self._taps)

    def steer(self, valence: float, arousal: float, at_sample: int) -> None:
        """Affect from `at_sample` on. Clamped to [-1, 1]; a call with NaN is ignored.

        A sample already rendered means from now on; one before an earlier call's means from that one's on.
        """
        if math.isnan(valence) or math.isnan(arousal):
            return
        clamped = min(max(float(valence), -1.0), 1.0), min(max(float(arousal), -1.0), 1.0)
        if self._curve:
            at_sample = max(at_sample, self._curve[-1][0])
        self._curve.append((at_sample, *clamped))

    def accent(self, at_sample: int) -> None:
        """Mark the first beat that starts at or after `at_sample`."""
        self._accents.append(at_sample)

    def render(self, n_samples: int) -> Block:
        """The next `n_samples` of the piece, float32 (n_samples, 2).

        Raises:
            ComposerError: nothing was primed.
        """
        parts = [self._ready]
        have = len(self._ready)
        while have < n_samples:
            parts.append(self._tick())
            have += TICK_SAMPLES
        block = np.concatenate(parts)
        self._ready = block[n_samples:]
        return block[:n_samples]

    def now_playing(self) -> Mapping[str, str | float]:
        """Style, key and tempo, for people."""
        if self._performer is None:
            return {}
        tonic, minor = self._key
        return {
            "style": self._performer.preset.name,
            "key": f"{_KEY_NAMES[tonic]} {'minor' if minor else 'major'}",
            "tempo_bpm": round(self._performer.tempo_bpm, 1),
        }

    def events(self) -> tuple[Strike, ...]:
        """What was struck, oldest first; the last `EVENTS_KEPT` of them."""
        return tuple(self._events)

    def close(self) -> None:
        """Give the synthesiser back. The composer cannot play afterwards."""
        if self._synth is not None:
            self._synth.close()
            self._synth = None

    # -- one tick -------------------------------------------------------------------------------------

    def _tick(self) -> Block:
        if self._generator is None or self._performer is None or self._synth is None:
            raise ComposerError("The composer has no anchor yet: call prime(anchor, seed) first.")
        while self._curve and self._curve[0][0] <= self._now:
            _, *affect = self._curve.popleft()
            self._affect = affect[0], affect[1]
        end = self._now + TICK_SAMPLES
        strikes: list[Strike] = []
        while self._next_beat_at < end:
            strikes += self._start_beat(self._generator)
        # Counted in samples to the next beat, never in time spent: the same on a slow machine.
        if not self._beats and self._next_beat_at - end <= LEAD_TICKS * TICK_SAMPLES:
            for _ in range(TOKENS_PER_TICK):
                self._beats.extend(self._generator.advance(*self._affect))
        self._synth.schedule(strikes)
        self._synth.express(*self._affect)
        self._events.extend(strikes)
        self._now = end
        block = self._synth.render_tick()
        if self._played is not None and self._taps.played:
            for event in self._taps.played:
                self._played(event)
            self._taps.played.clear()
        if self._stems is not None:
            self._stems(self._synth.stems())
        return block

    def _start_beat(self, generator: Generator) -> tuple[Strike, ...]:
        """Perform the beat that begins at `_next_beat_at`."""
        while not self._beats:
            self._beats.extend(generator.advance(*self._affect))
        beat = self._beats.popleft()
        assert self._performer is not None and self._synth is not None and self._preset is not None
        if beat.position == 0:
            if self._performer.preset != self._preset:
                self._performer = Performer(self._preset, self._first_seed)
                self._playing_text = self._anchor_text
                self._synth.change(self._preset)
            self._synth.bar()
        if self._accents and self._accents[0] <= self._next_beat_at:
            while self._accents and self._accents[0] <= self._next_beat_at:
                self._accents.popleft()
            self._performer.accent()
        played = self._performer.perform(beat, *self._affect, self._next_beat_at)
        self._key = beat.tonic, beat.minor
        if self._played is not None:
            self._played(
                Begun(
                    self._next_beat_at,
                    played.length_samples,
                    beat.bar,
                    beat.position,
                    beat.steps,
                    beat.bar_steps,
                    self._performer.preset.compound,
                )
            )
        self._next_beat_at += played.length_samples
        return played.strikes

    # -- going on elsewhere ---------------------------------------------------------------------------

    def state(self) -> bytes:
        """What `restore` needs: notes, tempo, odds, and what the synthesiser has heard of late."""
        if self._generator is None or self._performer is None or self._synth is None:
            raise ComposerError("There is no piece to keep yet: call prime(anchor, seed) first.")
        meta = {
            "anchor": self._anchor_text,
            "playing": self._playing_text,
            "seed": self._seed,
            "first_seed": self._first_seed,
            "now": self._now,
            "next_beat_at": self._next_beat_at,
            "beats": list(self._beats),
            "curve": list(self._curve),
            "accents": list(self._accents),
            "affect": self._affect,
            "ready": self._ready.tolist(),
            "key": self._key,
            "performer": self._performer.state(),
            "synth": self._synth.state(),
        }
        head = json.dumps(meta).encode()
        return seal(len(head).to_bytes(8, "little"), head, self._generator.state())

    def restore(self, state: bytes, exact: bool = True) -> None:
        """Go on with the piece `state` was taken from: with the same samples, bit for bit, when `exact`.

        That takes as long as it takes to render up to half a minute unheard. Without `exact` it is quick: the
        same notes at the same samples, but tones that were ringing come back in another phase.

        Raises:
            ComposerError: `state` is not one of this composer's.
        """
        state = unseal(state)
        size = int.from_bytes(state[:8], "little")
        try:
            meta = json.loads(state[8 : 8 + size])
            preset, playing = (read_anchor(meta[name]).preset for name in ("anchor", "playing"))
            self._anchor_text, self._playing_text = meta["anchor"], meta["playing"]
        except (ValueError, KeyError) as error:
            raise ComposerError(f"This is not a symbolic composer's state: {error}") from error
        self.close()
        self._begin()
        self._seed, self._first_seed, self._preset = meta["seed"], meta["first_seed"], preset
        self._generator = Generator(self._model, self._adapter, manner_of(preset), self._seed)
        self._generator.restore(state[8 + size :])
        self._performer = Performer(playing, self._first_seed)
        self._performer.restore(meta["performer"])
        self._now, self._next_beat_at = meta["now"], meta["next_beat_at"]
        self._beats.extend(_beat(row) for row in meta["beats"])
        self._curve.extend((at, v, a) for at, v, a in meta["curve"])
        self._accents.extend(meta["accents"])
        self._affect = meta["affect"][0], meta["affect"][1]
        self._ready = np.array(meta["ready"], dtype=np.float32).reshape(-1, 2)
        self._key = meta["key"][0], meta["key"][1]
        self._synth = Synth.resumed(playing, self._first_seed, meta["synth"], exact=exact, taps=self._taps)


def _beat(row: list[Any]) -> Beat:
    *place, notes, chord, chord_from = row
    return Beat._make([*place, tuple(Note(*note) for note in notes), tuple(chord), chord_from])
