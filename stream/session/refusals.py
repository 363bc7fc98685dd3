"""Why publishers were refused lately, for the studio page: OBS shows its user nothing but "failed"."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from stream.clock import Clock

MAX_NAMES = 16
"""Sessions remembered; the one refused longest ago is forgotten first, names without a session before all."""
SHOWN_S = 90.0


class Refusals:
    """The last refusal of each session name, also of sessions that never began."""

    def __init__(self, clock: Clock, live: Callable[[str], bool] = lambda name: False) -> None:
        """`live` says whether there is a session of that name; others may be made up by anybody."""
        self._clock = clock
        self._live = live
        self._last: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def note(self, name: str, detail: str) -> None:
        self._last.pop(name, None)
        self._last[name] = (self._clock(), detail)
        if len(self._last) > MAX_NAMES:
            made_up = (each for each in self._last if not self._live(each))
            del self._last[next(made_up, next(iter(self._last)))]

    def forget(self, name: str) -> None:
        """A publisher has been taken since."""
        self._last.pop(name, None)

    def latest(self, name: str) -> str:
        """A sentence for the user, or an empty text when the last refusal is old or there was none."""
        at_s, detail = self._last.get(name, (float("-inf"), ""))
        return f"A publisher was refused. {detail}" if self._clock() - at_s < SHOWN_S else ""
