"""What a session makes of the picture: readings in, one estimate out, unless held or overridden."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stream.number_log import NumberLog
from stream.ports import Affect, Reading, Window
from stream.sensing.cuts import Cuts

MAX_READINGS_KEPT = 4096
REPLAYED_S = 16.0
"""How much of the past a new window is told: windows remember half of it."""
OVERRIDE_S = 2.0
"""An override that is not renewed ends after this long: the page that dragged may be gone."""

WindowFactory = Callable[[], Window]


class Mood:
    """Lives on the event loop. Times are session seconds."""

    def __init__(self, windows: Mapping[str, WindowFactory], reactivity: str) -> None:
        """`windows` by the name of how fast they follow; `reactivity` is one of the names."""
        self._windows = windows
        self._window = windows[reactivity]()
        self.reactivity = reactivity
        self.affect = Affect(0.0, 0.0, 0.0)
        self.held = False
        """Whether affect stays where it is while the picture changes."""
        self._override_until_s = float("-inf")
        self.reading: Reading | None = None
        self.readings = 0
        self.reading_log = NumberLog(Reading, MAX_READINGS_KEPT)
        self.cuts = Cuts()
        self._told_cut = False

    @property
    def reactivities(self) -> tuple[str, ...]:
        """The names `set_reactivity` takes."""
        return tuple(self._windows)

    def take(self, reading: Reading) -> bool:
        """A reading has come. True when it brings a cut that has not been counted yet."""
        self.readings += 1
        fresh = reading.cut and self.cuts.seen(reading.t_s)
        if self._told_cut:
            # The window has to know, though the picture may not have shown it.
            self._told_cut, reading = False, reading._replace(cut=True)
        self.reading = reading
        self.reading_log.append(reading)
        self._window.add(reading)
        return fresh

    def told_of_cut(self, t_s: float) -> bool:
        """Somebody who knows says there is a cut now. False when it has been counted already."""
        self._told_cut = True
        return self.cuts.told(t_s)

    def estimate(self, t_s: float) -> Affect:
        """Affect at `t_s`, kept in `affect`."""
        if not self.held and not self.overridden(t_s):
            self.affect = self._window.estimate(t_s)
        return self.affect

    def overridden(self, t_s: float) -> bool:
        return t_s < self._override_until_s

    def override(self, valence: float, arousal: float, t_s: float) -> None:
        """Affect by hand, for `OVERRIDE_S` from `t_s` unless renewed."""
        self.affect = Affect(valence, arousal, 1.0)
        self._override_until_s = t_s + OVERRIDE_S

    def hand_back(self) -> None:
        """End an override: the picture steers again, unless affect is held."""
        self._override_until_s = float("-inf")

    def set_reactivity(self, name: str) -> None:
        """Follow faster or slower from now on; what was seen lately is not forgotten.

        Raises ValueError with a sentence when there is no such reactivity.
        """
        if name not in self._windows:
            raise ValueError(f"The reactivity is one of {', '.join(self._windows)}.")
        if name == self.reactivity:
            return
        self._window, self.reactivity = self._windows[name](), name
        newest_s = self.reading.t_s if self.reading is not None else 0.0
        for reading in self.reading_log:
            if reading.t_s > newest_s - REPLAYED_S:
                self._window.add(reading)
