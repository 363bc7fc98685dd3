"""From picture and voice to the music: readings in, steers, accents and ducking out, at control rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from stream.number_log import NumberLog
from stream.ports import Reading
from stream.sensing.mood import MAX_READINGS_KEPT, Mood
from stream.session.music import Music
from stream.session.services import Services
from stream.sound.ducking import Ducker

DUCK_SOURCES = ("none", "obs", "publisher", "page")


class Passed(NamedTuple):
    """An estimate as it was passed to the composer, and when, in session seconds."""

    t_s: float
    valence: float
    arousal: float
    confidence: float


class Control:
    """Lives on the event loop."""

    def __init__(self, services: Services, music: Music, time_s: Callable[[], float]) -> None:
        """`time_s` is session time."""
        self._music = music
        self._time_s = time_s
        self._clock = services.clock
        self._period_s = 1.0 / services.settings.control_hz
        self.mood = Mood(services.windows, services.default_reactivity)
        self.affect_log = NumberLog(Passed, MAX_READINGS_KEPT)
        self.ducker = Ducker()
        self.duck_source = "none"
        """Whose voice makes the music step aside: one of `DUCK_SOURCES`."""

    async def run(self) -> None:
        """The window's estimate, passed on when it has changed; until cancelled."""
        passed: tuple[float, float] | None = None
        while True:
            await asyncio.sleep(self._period_s)
            affect = self.mood.estimate(self._time_s())
            pair = (affect.valence, affect.arousal)
            if pair != passed and self._music.steer(*pair):
                self.affect_log.append(Passed(self._time_s(), *affect))
                passed = pair
            self._music.duck(self.duck_db)

    def note(self, reading: Reading) -> None:
        """A reading has come."""
        if self.mood.take(reading):
            self._accent()

    def mark_cut(self) -> None:
        """Somebody who knows says that there is a cut in the picture, now."""
        if self.mood.told_of_cut(self._time_s()):
            self._accent()

    def _accent(self) -> None:
        if not self.mood.held:
            self._music.accent()

    def steer(self, valence: float, arousal: float) -> None:
        """Steer by hand, at once: affect stays there for `stream.sensing.mood.OVERRIDE_S` unless renewed."""
        self.mood.override(valence, arousal, self._time_s())
        self._music.steer(valence, arousal)

    def hear_voice(self, source: str, level_db: float) -> None:
        """The level of somebody's voice, dB below full scale; heard if `source` is the `duck_source`."""
        if source == self.duck_source:
            self.ducker.hear(level_db, self._clock())

    @property
    def duck_db(self) -> float:
        """How far the music steps aside just now: 0 or less."""
        return self.ducker.gain_db(self._clock())
