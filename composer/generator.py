"""The endless composer of notes: one token at a time, one quarter handed over at a time.

Two rows run in step: the frozen base and the base with the affect adapter. Their difference is scaled by
`guidance` (classifier-free guidance, Ho & Salimans 2022, with the frozen model as the unconditional one).
State is explicit and small; a generator restored from it goes on with the same notes.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from composer import grammar, layout, leaning, texture, tokens
from composer.decoding import StepAdapter, StepDecoder, StepState
from composer.errors import ComposerError
from composer.grammar import Cursor
from composer.harmony import planned
from composer.idioms import Chord
from composer.score import STEPS_PER_QUARTER, Beat, Note


@dataclass(frozen=True)
class Manner:
    """How to write in one style: what the anchor fixes for the generator.

    `style` indexes the model's style fields, `meter` is an index into `tokens.METERS`.
    """

    style: tuple[int, ...]
    meter: int
    temperature: float = 0.95
    top_p: float = 0.95
    guidance: float = 2.0
    idiom: str = "song"
    """A name of `composer.idioms.IDIOMS`: the chords of the style."""


class Generator:
    """Writes beats. Owned by one thread."""

    def __init__(self, model: StepDecoder, adapter: StepAdapter | None, manner: Manner, seed: int) -> None:
        self._model = model
        self._stream = adapter.begin() if adapter is not None else None
        self.manner = manner
        self._seed = seed
        self._random = np.random.Generator(np.random.PCG64(seed))
        # Two without an adapter too: products of one row round otherwise, and no adapter is an untrained one.
        self._state: StepState = model.begin(2)
        config = model.config
        self._residuals = np.zeros((config.shallow, 2, config.width), np.float32)
        self._cursor = Cursor(meter=manner.meter)
        self._notes: list[Note] = []

    @property
    def key(self) -> tuple[int, bool]:
        """(tonic pitch class, minor?) of the bar being written."""
        return self._cursor.tonic, self._cursor.minor

    def advance(self, valence: float, arousal: float) -> tuple[Beat, ...]:
        """Write one token. Returns the quarters it completed: none, one, or more after a rest."""
        cursor = self._cursor
        logits = self._feed(cursor.last, cursor.position, valence, arousal)
        manner = self.manner
        chord = self._chord(cursor.position, valence)
        asked = layout.asked(self._seed, cursor, arousal, manner.style)
        shaped = leaning.shaped(logits, cursor, valence, chord, asked)
        mask = grammar.allowed(cursor, manner.meter, _longest_silence(arousal), asked)
        token = grammar.draw(shaped, mask, manner.temperature, manner.top_p, self._random.random())
        beats = self._completed_by(token, valence)
        self._cursor = cursor.after(token)
        if beats:
            self._cursor = self._cursor.turned(valence)
        if tokens.is_length(token):
            role, pitch = tokens.note_of(cursor.last)
            step = cursor.position % STEPS_PER_QUARTER
            self._notes.append(Note(step, tokens.length_of(token), pitch, role))
        return beats

    def _feed(self, token: int, position: int, valence: float, arousal: float) -> grammar.Logits:
        """Logits (V,) for the next token, guided."""
        style = self.manner.style
        if self._stream is None:
            return np.asarray(self._model.step(self._state, token, position, style)[0], np.float64)
        adapted = self._stream.step(valence, arousal)
        # The first row stays the bare base.
        self._residuals[:, 1] = adapted
        base, steered = self._model.step(self._state, token, position, style, self._residuals).astype(
            np.float64
        )
        return np.asarray(base + self.manner.guidance * (steered - base))

    def _chord(self, position: int, valence: float) -> Chord:
        """The chord planned for a place of the bar being written."""
        cursor = self._cursor
        late = position >= texture.half(cursor.bar_steps)
        return planned(self._seed, cursor.bar, cursor.minor, valence, self.manner.idiom, late)

    def _completed_by(self, token: int, valence: float) -> tuple[Beat, ...]:
        """The beats that end because `token` lies beyond them."""
        cursor = self._cursor
        if cursor.bar < 0:
            return ()
        here = cursor.position // STEPS_PER_QUARTER
        if tokens.is_bar(token):
            there = -(-cursor.bar_steps // STEPS_PER_QUARTER)
        elif tokens.is_position(token):
            there = (token - tokens.POS0) // STEPS_PER_QUARTER
        else:
            return ()
        beats = []
        for index in range(here, there):
            start = index * STEPS_PER_QUARTER
            notes = tuple(self._notes) if index == here else ()
            steps = min(STEPS_PER_QUARTER, cursor.bar_steps - start)
            first, chord = self._chord(0, valence), self._chord(start, valence)
            tones = tuple((tone + cursor.tonic) % 12 for tone in (*chord.tones, chord.color))
            since = 0 if chord == first else texture.half(cursor.bar_steps)
            place = (cursor.bar, start, steps, cursor.bar_steps)
            beats.append(Beat(*place, cursor.tonic, cursor.minor, notes, tones, since))
        if beats:
            self._notes = []
        return tuple(beats)

    def state(self) -> bytes:
        """Everything the next token depends on, as safetensors: about 4 MB of keys and values."""
        meta = {
            "cursor": asdict(self._cursor),
            "manner": asdict(self.manner),
            "seed": self._seed,
            "notes": self._notes,
            "random": self._random.bit_generator.state,
            "past": self._stream.past if self._stream else [],
            "seen": self._state.seen,
        }
        arrays = {"keys": self._state.keys, "values": self._state.values}
        return save(arrays, metadata={"generator": json.dumps(meta)})

    def restore(self, state: bytes) -> None:
        """Go on from `state`, exactly.

        Raises:
            ComposerError: `state` is not from a generator with this model.
        """
        try:
            arrays = load(state)
            size = int.from_bytes(state[:8], "little")
            meta = json.loads(json.loads(state[8 : 8 + size])["__metadata__"]["generator"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise ComposerError(f"This is not a generator's state: {error}") from error
        if arrays["keys"].shape != self._state.keys.shape:
            raise ComposerError("This state belongs to a model of another shape.")
        self._state = StepState(arrays["keys"], arrays["values"], meta["seen"])
        cursor = meta["cursor"]
        rows = {
            "sounding": tuple((pitch, end) for pitch, end in cursor["sounding"]),
            "roles_here": tuple(cursor["roles_here"]),
            "struck": tuple(cursor["struck"]),
        }
        self._cursor = Cursor(**{**cursor, **rows})
        manner = meta["manner"]
        self.manner = Manner(**{**manner, "style": tuple(manner["style"])})
        self._seed = meta["seed"]
        self._notes = [Note(*row) for row in meta["notes"]]
        self._random.bit_generator.state = meta["random"]
        if self._stream:
            self._stream.replay([(v, a) for v, a in meta["past"]])


def _longest_silence(arousal: float) -> int:
    """Steps that may pass with no onset: two bars of 4/4 at rest, a quarter in full cry."""
    return round(STEPS_PER_QUARTER * math.exp2(1.6 - 1.6 * arousal))
