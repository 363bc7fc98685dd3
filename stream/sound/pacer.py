"""When the next block is due: a sample count against a monotonic clock, never accumulated sleeps."""

from __future__ import annotations


class Pacer:
    """Deadlines for blocks of `block_samples`. Pure: it is told the time.

    A little lateness is made up by handing blocks out faster; more than `max_late_blocks` of it (a suspended
    machine, a starved thread) is skipped, since a burst helps no listener.
    """

    def __init__(
        self, start_s: float, block_samples: int, sample_rate_hz: int, max_late_blocks: int = 3
    ) -> None:
        self._start_s = start_s
        self._block_s = block_samples / sample_rate_hz
        self._block_samples = block_samples
        self._max_late_blocks = max_late_blocks
        self._blocks = 0
        self.skipped_blocks = 0

    @property
    def next_sample(self) -> int:
        """Sample clock of the next block."""
        return self._blocks * self._block_samples

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next block is due; 0 if it already is."""
        return max(0.0, self._start_s + self._blocks * self._block_s - now_s)

    def late_s(self, now_s: float) -> float:
        """Seconds since the next block was due; 0 if it is not yet."""
        return max(0.0, now_s - self._start_s - self._blocks * self._block_s)

    def advance(self, now_s: float) -> int:
        """Count one block as handed out now; returns its first sample's index, which never repeats."""
        late_blocks = int((now_s - self._start_s) / self._block_s) - self._blocks
        if late_blocks > self._max_late_blocks:
            self._blocks += late_blocks
            self.skipped_blocks += late_blocks
        sample = self.next_sample
        self._blocks += 1
        return sample
