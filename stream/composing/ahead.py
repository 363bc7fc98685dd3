"""How far ahead of the listener music is made: what it has been late by, twice over, and no further.

Every sample ahead is heard that much later, and every sample too few is a gap. Pure and without a clock: told
what the ring holds whenever a block goes in, which is when it holds least, it counts time in samples.
"""

from __future__ import annotations

from stream.ports import SAMPLE_RATE_HZ

ROOM = 2
"""How many times what is kept at rest may be kept at most: with MusicGen, control takes 0.6 s then."""
NEAR_MISS = 4
"""Less than one part in so many of what is kept: it was nearly too late."""
SPARE = 2
"""How many times the worst lateness is kept. A half of it left is a near miss neither now nor an eighth
further down, so what has grown stays where it is while the same lateness comes again."""
CALM_SAMPLES = 30 * SAMPLE_RATE_HZ
SHRINKS_BY = 8
"""One part in so many is given back after each calm time."""


class Ahead:
    """Keeps at least `floor` samples and at most `ceiling`. One thread.

    Grows at once where the ring has nearly or really run dry. While the ring fills nothing is late, so it
    looks again when that was full. A composer that is too slow never fills what has grown and is left alone:
    no buffer helps there.
    """

    def __init__(self, floor: int, ceiling: int) -> None:
        """Raises ValueError unless 0 < floor <= ceiling."""
        if not 0 < floor <= ceiling:
            raise ValueError(f"between {floor} and {ceiling} samples there is nothing to keep")
        self.samples = floor
        """How many to keep now."""
        self._floor = floor
        self._ceiling = ceiling
        self._was_full = False
        self._deepest = 0
        self._calm = 0

    def has_room(self, level: int, count: int) -> bool:
        """Whether `count` samples may be made when the ring holds `level`."""
        return level + count <= self.samples

    def note(self, level: int, count: int) -> bool:
        """`count` samples go into the ring, which holds `level`. True when `samples` has changed."""
        if not self._was_full:
            self._was_full = not self.has_room(level + count, count)
            return False
        late = self.samples - level
        if level * NEAR_MISS < self.samples:
            return self._keep(SPARE * late)
        self._deepest = max(self._deepest, late)
        self._calm += count
        if self._calm < CALM_SAMPLES:
            return False
        enough = min(SPARE * self._deepest, self.samples)
        return self._keep(max(enough, self.samples - self.samples // SHRINKS_BY))

    def _keep(self, wanted: int) -> bool:
        """From now on `wanted`, within the bounds."""
        wanted, before = min(max(wanted, self._floor), self._ceiling), self.samples
        self.samples = wanted
        self._was_full = wanted <= before
        self._deepest = self._calm = 0
        return wanted != before
