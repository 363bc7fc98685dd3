"""The performer: notes on a grid become strikes in time.

    performer = Performer(PRESETS["lofi"], seed=1)
    performer.accent()                                  # a cut: mark the next beat (optional)
    played = performer.perform(beat, valence, arousal, start_sample)
    synth.schedule(played.strikes)
    start_sample += played.length_samples               # where the next beat begins
    saved = performer.state(); other.restore(saved)     # plain JSON values, exact

Three time scales (docs/affect.md): dynamics, articulation and drums follow affect from one beat to the next;
tempo and layers change at bar lines only. A new tempo is aimed at when a bar begins, at most `_MAX_BEND` away
from the old one, and is reached along a smooth curve through that bar, the way players bend time (Friberg,
Bresin & Sundberg 2006). Pure but for its small explicit state; every random choice is a hash of the seed and
of the place in the piece (`composer.chance`).
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypedDict

from composer.chance import spread
from composer.expression import Playing, clamped, playing
from composer.figures import Harmony, drone, figure, remembered
from composer.groove import hits
from composer.presets import Part, Preset
from composer.score import BASS, LEAD, SAMPLE_RATE_HZ, STEPS_PER_QUARTER, Beat, Note, Strike

_MAX_BEND = 0.12
"""Most a tempo may change from one bar to the next, as a fraction."""
_HYSTERESIS = 0.08
"""A layer that is in leaves this far below the arousal it enters at, so that it does not flutter."""
_SHORTEST_SAMPLES = 2400
_BASE_VELOCITY_DB = -9.0
_TIME, _LEVEL, _DRUM = range(3)


class Performance(NamedTuple):
    """One performed beat: strikes ordered by time, none before `start_sample`; and the beat's length."""

    strikes: tuple[Strike, ...]
    length_samples: int


class PerformerState(TypedDict):
    """Everything the next beat depends on beside its arguments. JSON-able and exact."""

    bpm_from: float
    bpm_to: float
    carry: float
    layers: list[bool]
    chord: list[int]
    bass: int
    accent: bool
    bar: int
    started: bool


def swung(step: float, unit: int, swing: float) -> float:
    """Where a grid step sounds under swing: off-beats of `unit` steps move late by up to a third of it.

    Only steps on the sixteenth grid move; triplets (steps 4 and 8) are swung already.
    """
    if step % 3:
        return step
    pair = 2 * unit
    within = step % pair
    if within < unit:
        return step - within + within * (1.0 + swing / 3.0)
    return step - within + unit * (1.0 + swing / 3.0) + (within - unit) * (1.0 - swing / 3.0)


class Performer:
    """Performs one piece in one preset. Not thread-safe; owned by the composer's thread."""

    def __init__(self, preset: Preset, seed: int) -> None:
        self._preset = preset
        self._seed = seed
        bpm = preset.bpm(0.0)
        self._state: PerformerState = {
            "bpm_from": bpm,
            "bpm_to": bpm,
            "carry": 0.0,
            "layers": [False] * len(preset.parts),
            "chord": [],
            "bass": 0,
            "accent": False,
            "bar": -1,
            "started": False,
        }

    @property
    def preset(self) -> Preset:
        """The style being played."""
        return self._preset

    @property
    def tempo_bpm(self) -> float:
        """The tempo aimed at in the current bar, quarters per minute."""
        return self._state["bpm_to"]

    def accent(self) -> None:
        """Mark the next beat: a hit that belongs to the preset."""
        self._state["accent"] = True

    def state(self) -> PerformerState:
        """A copy of the state: plain JSON values."""
        copy = self._state.copy()
        copy["layers"] = list(copy["layers"])
        copy["chord"] = list(copy["chord"])
        return copy

    def restore(self, state: PerformerState) -> None:
        """Go on from `state`, exactly. The preset and seed must be the ones it was taken with."""
        if len(state["layers"]) != len(self._preset.parts):
            raise ValueError("This performer state belongs to another preset.")
        self._state = state.copy()
        self._state["layers"] = list(state["layers"])
        self._state["chord"] = list(state["chord"])

    def perform(self, beat: Beat, valence: float, arousal: float, start_sample: int) -> Performance:
        """Play `beat` from `start_sample` on. Affect is clamped to [-1, 1]."""
        v, a = clamped(valence), clamped(arousal)
        if beat.position == 0 or not self._state["started"]:
            self._begin_bar(beat, v, a)
        how = playing(v, a)
        bpm = self._bpm_in(beat)
        step_samples = 60.0 * SAMPLE_RATE_HZ / (bpm * STEPS_PER_QUARTER)
        exact = beat.steps * step_samples + self._state["carry"]
        length = int(exact)
        self._state["carry"] = exact - length

        now = remembered(beat, v, Harmony(tuple(self._state["chord"]), self._state["bass"]))
        self._state["chord"], self._state["bass"] = list(now.chord), now.bass
        out: list[Strike] = []
        for index, part in enumerate(self._preset.parts):
            if self._state["layers"][index]:
                for note, sustain in figure(part, beat, a, now, self._seed):
                    out.append(
                        self._strike(part, index, note, beat, how, step_samples, start_sample, sustain)
                    )
        out.extend(self._drums(beat, a, step_samples, start_sample))
        if beat.position == 0 and self._preset.drone and how.drone > 0.0:
            out.extend(self._drone(beat, how, step_samples, start_sample))
        if self._state["accent"]:
            self._state["accent"] = False
            out.extend(
                Strike(start_sample, f"{patch}@drums", 36, 0.5 + 0.25 * a, 2 * SAMPLE_RATE_HZ)
                for patch in self._preset.groove.accent
            )
        out.sort(key=lambda strike: (strike.at_sample, strike.instrument, strike.pitch))
        return Performance(tuple(out), length)

    def _begin_bar(self, beat: Beat, valence: float, arousal: float) -> None:
        state = self._state
        goal = self._preset.bpm(arousal)
        if state["started"]:
            now = state["bpm_to"]
            state["bpm_from"] = now
            state["bpm_to"] = min(max(goal, now * (1.0 - _MAX_BEND)), now * (1.0 + _MAX_BEND))
        else:
            state["bpm_from"] = state["bpm_to"] = goal
        state["started"] = True
        state["bar"] = beat.bar
        for index, part in enumerate(self._preset.parts):
            slack = _HYSTERESIS if state["layers"][index] else 0.0
            high_enough = part.above <= -1.0 or arousal >= part.above - slack
            low_enough = part.below >= 1.0 or arousal <= part.below + slack
            fits = part.valence_from - slack <= valence <= part.valence_to + slack
            state["layers"][index] = high_enough and low_enough and fits

    def _bpm_in(self, beat: Beat) -> float:
        """The tempo of this beat: a smooth step from the last bar's tempo to this bar's."""
        x = min((beat.position + 0.5 * beat.steps) / beat.bar_steps, 1.0)
        x = x * x * (3.0 - 2.0 * x)
        low, high = self._state["bpm_from"], self._state["bpm_to"]
        return low + (high - low) * x

    def _strike(
        self,
        part: Part,
        index: int,
        note: Note,
        beat: Beat,
        how: Playing,
        step_samples: float,
        start_sample: int,
        held: bool,
    ) -> Strike:
        place = beat.position + note.step
        key = (beat.bar, place, index, note.pitch)
        groove, mix = self._preset.groove, self._preset.mix
        at = swung(note.step, groove.swing_unit, groove.swing) * step_samples
        at += spread(self._seed, _TIME, *key) * mix.humanise_ms * 1e-3 * SAMPLE_RATE_HZ
        melody = part.role == LEAD
        if melody:
            at += how.lateness_s * SAMPLE_RATE_HZ
        level = (
            _BASE_VELOCITY_DB
            + part.gain_db
            + how.loudness_db
            + how.accent_db * _metrical(place, beat.bar_steps)
        )
        if melody:
            # KTH's high-loud rule, gently: higher is a little louder.
            level += how.melody_db + 0.06 * (note.pitch - 72)
        elif part.role == BASS:
            level += how.bass_db
        level += 1.6 * spread(self._seed, _LEVEL, *key) * (mix.humanise_ms > 0.0)
        ratio = 1.0 if held else how.articulation
        length = max(int(note.length * step_samples * ratio), _SHORTEST_SAMPLES)
        return Strike(
            at_sample=start_sample + max(int(at), 0),
            instrument=f"{part.patch}@{part.section}",
            pitch=note.pitch + part.shift,
            velocity=_velocity(level),
            length_samples=length,
        )

    def _drone(self, beat: Beat, how: Playing, step_samples: float, start_sample: int) -> list[Strike]:
        level = _BASE_VELOCITY_DB - 4.0 + 6.0 * (how.drone - 1.0) + 0.5 * how.loudness_db
        length = int(beat.bar_steps * step_samples)
        name = f"{self._preset.drone}@bass"
        return [
            Strike(start_sample, name, pitch, _velocity(level - 3.0 * above), length)
            for above, pitch in enumerate(drone(beat))
        ]

    def _drums(self, beat: Beat, arousal: float, step_samples: float, start_sample: int) -> list[Strike]:
        groove, mix = self._preset.groove, self._preset.mix
        out: list[Strike] = []
        played = hits(groove, self._seed, beat.bar, beat.position, beat.steps, beat.bar_steps, arousal)
        for index, hit in enumerate(played):
            at = swung(hit.step, groove.swing_unit, groove.swing) * step_samples
            late = 0.4 * mix.humanise_ms * 1e-3 * SAMPLE_RATE_HZ
            at += late * spread(self._seed, _DRUM, beat.bar, beat.position, hit.step, index)
            velocity = min(hit.velocity * 10.0 ** (groove.gain_db / 20.0), 1.0)
            out.append(
                Strike(start_sample + max(int(at), 0), f"{hit.patch}@drums", 36, velocity, SAMPLE_RATE_HZ)
            )
        return out


def _metrical(place: int, bar_steps: int) -> float:
    """Metrical weight of a place in the bar: 1 on the downbeat, 0 between the sixteenths."""
    if place == 0:
        return 1.0
    if bar_steps % 24 == 0 and place % (bar_steps // 2) == 0:
        return 0.7
    if place % STEPS_PER_QUARTER == 0:
        return 0.5
    return 0.25 if place % 6 == 0 else 0.0


def _velocity(level_db: float) -> float:
    return float(min(max(10.0 ** (level_db / 20.0), 0.02), 1.0)) if math.isfinite(level_db) else 0.02
