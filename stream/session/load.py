"""How strained the machine is, and what is given up for the music's sake: pure, told the time.

Up one step when strained for a while, at once when the music itself suffered; down one step only after a much
longer calm, and after a longer one each time that proved too early. Between the two bounds nothing moves.

The last step costs the picture itself: less than one reading a second where key frames are further apart. A
busy processor alone is no reason for it while the music does not suffer and pictures are decoded in time;
when both hold again for a while it is taken back, however busy the processor is.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

STRAINED_CPU = 0.92
CALM_CPU = 0.75
"""Shares of all cores, whoever uses them: a game on the same machine is why we step back."""
STRAINED_LATE_S = 0.05
CALM_LATE_S = 0.02
STRAINED_BACKLOG: Final = 0.5
"""Share of the room for pictures that wait to be decoded."""
LOW_BUFFER_S = 0.04
"""A composer this little ahead is about to be late."""
DIRE_LATE_S = 0.2
"""Packets that leave this late are heard as gaps, whatever a listener keeps in advance."""

UP_AFTER_S = 2.0
DOWN_AFTER_S = 20.0
DOWN_AFTER_AT_MOST_S = 160.0
TOO_EARLY_S = 60.0
"""Strained again this soon after a step down: it was too early."""


class Level(enum.IntEnum):
    """What is given up. Each holds what is before it too."""

    ALL = 0
    FEWER_READINGS = 1
    FEWER_PICTURES = 2
    """Those are not decoded that a reading a second can do without."""
    KEY_FRAMES = 3
    """Nothing else is decoded, however far apart they are."""


class Sample(NamedTuple):
    """What was measured since the last one, about a second ago. `cpu` is None where it cannot be told."""

    t_s: float
    cpu: float | None
    late_s: float
    """The worst lateness of the event loop."""
    underruns: int
    """New ones."""
    backlog: float
    """The fullest queue before a decoder, 0 to 1."""
    buffer_s: float
    """The shortest buffer of a composer that plays; infinite when none does."""


def strained(sample: Sample) -> bool:
    return (
        sample.underruns > 0
        or sample.late_s > STRAINED_LATE_S
        or sample.backlog > STRAINED_BACKLOG
        or sample.buffer_s < LOW_BUFFER_S
        or (sample.cpu is not None and sample.cpu > STRAINED_CPU)
    )


def dire(sample: Sample) -> bool:
    """The music suffers, is about to, or pictures come faster than they are decoded."""
    return (
        sample.underruns > 0
        or sample.late_s > DIRE_LATE_S
        or sample.backlog > STRAINED_BACKLOG
        or sample.buffer_s < LOW_BUFFER_S
    )


def calm(sample: Sample) -> bool:
    return (
        not strained(sample)
        and sample.late_s < CALM_LATE_S
        and sample.backlog == 0
        and (sample.cpu is None or sample.cpu < CALM_CPU)
    )


class Governor:
    """From samples to the level that should hold."""

    def __init__(self) -> None:
        self.level = Level.ALL
        self._strained_since_s: float | None = None
        self._calm_since_s: float | None = None
        self._stepped_down_s = float("-inf")
        self._patience_s = DOWN_AFTER_S

    def note(self, sample: Sample) -> Level:
        now_s = sample.t_s
        if self._worse(sample):
            self._calm_since_s = None
            if self._strained_since_s is None:
                self._strained_since_s = now_s
            if sample.underruns > 0 or now_s - self._strained_since_s >= UP_AFTER_S:
                self._up(now_s)
        elif self._better(sample):
            self._strained_since_s = None
            if self._calm_since_s is None:
                self._calm_since_s = now_s
            if now_s - self._calm_since_s >= self._patience_s and self.level > Level.ALL:
                self.level = Level(self.level - 1)
                self._stepped_down_s = self._calm_since_s = now_s
        else:
            self._strained_since_s = self._calm_since_s = None
        if now_s - self._stepped_down_s > 2 * TOO_EARLY_S and self.level == Level.ALL:
            self._patience_s = DOWN_AFTER_S
        return self.level

    def _worse(self, sample: Sample) -> bool:
        return dire(sample) if self.level >= Level.FEWER_PICTURES else strained(sample)

    def _better(self, sample: Sample) -> bool:
        return not dire(sample) if self.level == Level.KEY_FRAMES else calm(sample)

    def _up(self, now_s: float) -> None:
        if self.level == max(Level):
            return
        if now_s - self._stepped_down_s < TOO_EARLY_S:
            self._patience_s = min(2 * self._patience_s, DOWN_AFTER_AT_MOST_S)
        self.level = Level(self.level + 1)
        self._strained_since_s = now_s


def room_for_another(
    level: Level, cpu: float | None, own_cpu: float, sessions: int, fresh: int = 0, expected: float = 0.0
) -> bool:
    """Whether one more session like those that run would leave the machine unstrained.

    `own_cpu` is what our processes use of all cores, `cpu` what everybody does, both lastingly. `fresh` of
    the `sessions` have no music yet, or it is so new that neither shows it; what the others take, each of
    these will. Where all are fresh, `expected` is a session's share of all cores. The first session is always
    let in: somebody started us.
    """
    if sessions == 0:
        return True
    if level > Level.ALL:
        return False
    settled = sessions - fresh
    each = own_cpu / settled if settled > 0 else expected
    return cpu is None or cpu + (fresh + 1) * each < STRAINED_CPU
