"""What was played, drawn: time to the right, pitch upwards, a color for each section, drums underneath.

roll = PianoRoll()
composer = SymbolicComposer(*playable(read()), played=roll.add)
...
roll.draw(axes, 0.0, 30.0)          # axes of matplotlib
"""

from __future__ import annotations

from typing import Any, NamedTuple

from composer.drumkit import DRUMS
from composer.played import Begun, Sounded
from composer.score import SAMPLE_RATE_HZ

COLORS = {"lead": "#ffd166", "harmony": "#5cc8ff", "bass": "#ef6f9c", "drums": "#9aa3b2"}
_GRID = "#3a3f4b"
_MOST_BARS = 200
"""More bar lines than this would only be a gray haze."""
_SHORTEST_S = 0.02


class Span(NamedTuple):
    """A note from `start_s` to `end_s`. `section` is the mixer's; `velocity` in (0, 1]."""

    start_s: float
    end_s: float
    pitch: int
    instrument: str
    section: str
    velocity: float


class PianoRoll:
    """Collects what was played. `add` takes events in order of time."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        """Notes that are over."""
        self.bars_s: list[float] = []
        self._open: dict[tuple[str, int], list[Sounded]] = {}

    def add(self, event: Begun | Sounded) -> None:
        if isinstance(event, Begun):
            if event.position == 0:
                self.bars_s.append(event.at_sample / SAMPLE_RATE_HZ)
            return
        key = event.instrument, event.pitch
        if event.velocity > 0.0:
            self._open.setdefault(key, []).append(event)
        elif self._open.get(key):
            self._end(self._open[key].pop(0), event.at_sample)

    def finish(self, at_sample: int) -> None:
        """End every note that still sounds."""
        for started in self._open.values():
            for event in started:
                self._end(event, at_sample)
        self._open.clear()

    def _end(self, event: Sounded, at_sample: int) -> None:
        start_s, end_s = event.at_sample / SAMPLE_RATE_HZ, at_sample / SAMPLE_RATE_HZ
        section = event.instrument.partition("@")[2]
        self.spans.append(Span(start_s, end_s, event.pitch, event.instrument, section, event.velocity))

    def draw(self, axes: Any, start_s: float, end_s: float) -> None:
        """Draw the notes between two times into `axes` (matplotlib). The louder, the less transparent."""
        from matplotlib.colors import to_rgba

        seen = [span for span in self.spans if span.end_s > start_s and span.start_s < end_s]
        bars = [bar for bar in self.bars_s if start_s <= bar < end_s]
        if len(bars) <= _MOST_BARS:
            axes.vlines(bars, 0, 127, colors=_GRID, linewidth=0.6, zorder=0)
        pitched = [span for span in seen if span.section != "drums"]
        low = min((span.pitch for span in pitched), default=36)
        high = max((span.pitch for span in pitched), default=84)
        for section, color in COLORS.items():
            part = [span for span in pitched if span.section == section]
            axes.hlines(
                [span.pitch for span in part],
                [span.start_s for span in part],
                [max(span.end_s, span.start_s + _SHORTEST_S) for span in part],
                colors=[to_rgba(color, 0.35 + 0.65 * min(span.velocity, 1.0)) for span in part],
                linewidth=2.2,
                label=section if part else None,
            )
        drums = [span for span in seen if span.section == "drums"]
        rows = {name: low - 3 - row for row, name in enumerate(_by_key({s.instrument for s in drums}))}
        axes.scatter(
            [span.start_s for span in drums],
            [rows[span.instrument] for span in drums],
            s=7,
            marker="|",
            linewidths=1.0,
            c=[to_rgba(COLORS["drums"], 0.35 + 0.65 * min(span.velocity, 1.0)) for span in drums],
            label="drums" if drums else None,
        )
        octaves = [pitch for pitch in range(0, 128, 12) if low <= pitch <= high]
        axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
        axes.set(xlim=(start_s, end_s), ylim=(low - 4 - len(rows), high + 2))


def _by_key(instruments: set[str]) -> list[str]:
    """Drums from high to low by their General MIDI keys."""
    return sorted(instruments, key=lambda name: (-DRUMS[name.partition("@")[0]].key, name))
