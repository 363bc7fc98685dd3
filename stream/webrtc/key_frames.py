"""When a sender's key frames come, when to ask for one, and which pictures can be left out: pure.

A picture refers to those before it, back to a key frame. So of a key frame and what follows it only the end
can be left out. How much that is depends on when the next key frame comes: when the sender is asked for one,
as from browsers, or at its own pace, whatever it is asked.
"""

from __future__ import annotations

import enum
from collections import deque
from math import inf

from stream.sensing.schedule import LONGEST_PERIOD_S

ASK_EVERY_S = 2.0
"""How often a sender that was asked for a key frame is asked again."""
ASK_AT_MOST_EVERY_S = 1.0
"""However much goes wrong, and however few pictures are decoded. It is asked by picture loss indication (RFC
4585, 6.3.1), all that the stack speaks; for who has lost nothing there is another (RFC 5104, 4.3.1)."""
ASK_AT_LEAST_EVERY_S = 8.0
"""A sender that does not heed it is asked half as often each time, down to this."""
ANSWERED_S = 0.25
"""A key frame this soon after it was asked for is the answer; a later one came by itself."""
GAPS = 8
"""So many gaps between key frames are remembered; the next may be as long as the longest of them."""


class Pictures(enum.IntEnum):
    """Which are decoded."""

    ALL = 0
    ONE_A_SECOND = 1
    """As few as leave one every `LONGEST_PERIOD_S`."""
    KEY_FRAMES = 2
    """However far apart they are."""


class KeyFrames:
    """Of one sender."""

    def __init__(self) -> None:
        self._came_s = self._asked_s = -inf
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._unheeded = 0
        self._answered = True

    def came(self, now_s: float) -> None:
        if now_s - self._asked_s <= ANSWERED_S:
            # From now on it comes when it is asked for.
            self._gaps.clear()
            self._gaps.append(ASK_AT_MOST_EVERY_S + now_s - self._asked_s)
            self._unheeded, self._answered = 0, True
        elif now_s - self._came_s > self.gap_s + LONGEST_PERIOD_S:
            self.failed_to_come()
        elif self._came_s > -inf:
            self._gaps.append(now_s - self._came_s)
        self._came_s = now_s

    def failed_to_come(self) -> None:
        """Its sender's pace has changed: nothing is expected of it for a while."""
        self._gaps.append(inf)

    @property
    def gap_s(self) -> float:
        """The longest time to the next one, as far as can be told."""
        return max(self._gaps, default=inf)

    def needed(self, now_s: float) -> bool:
        """Whether a picture that follows the last key frame must be decoded for the sake of one every
        `LONGEST_PERIOD_S`: from `LONGEST_PERIOD_S` before the next key frame on, none is."""
        return now_s < self._came_s + self.gap_s - LONGEST_PERIOD_S

    def ask_after_loss(self, now_s: float, lost_s: float) -> bool:
        """Whether to ask now, when pictures cannot be decoded, or not well, since `lost_s`."""
        first = self._asked_s < lost_s and self._came_s <= lost_s
        return self._ask(now_s, 0.0 if first else ASK_EVERY_S)

    def ask_for_few(self, now_s: float) -> bool:
        """Whether to ask now, when each key frame spares the decoding of what is before it."""
        every_s = min(ASK_AT_MOST_EVERY_S * 2.0**self._unheeded, ASK_AT_LEAST_EVERY_S)
        return self._ask(now_s, every_s)

    def _ask(self, now_s: float, every_s: float) -> bool:
        if now_s - self._asked_s < ASK_AT_MOST_EVERY_S or now_s - max(self._asked_s, self._came_s) < every_s:
            return False
        self._unheeded = 0 if self._answered else min(self._unheeded + 1, 10)
        self._asked_s, self._answered = now_s, False
        return True
