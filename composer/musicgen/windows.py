"""Two lanes and a rolling window: how a model trained on half a minute plays for ever without a stall.

Sinusoidal positions enter at the input, so every deeper key depends on them and a cache cannot be shifted:
the context has to be read again from position 0. Instead of doing that in one go (a stall of seconds), the
coming window is read beside the present one, one token a step, in another row of the same batch.

    step      0 ........ stride ........ length ............. stride + length
    window 0  writes all of it, to `length`
    window 1             reads along ->| writes `stride` more
    window 2                           | reads along ->       | writes ...

Window n begins at step n * stride and lives in lane n % 2. It reads along for `overlap` steps, then writes.
All of it is a function of the step, so there is nothing to save and nothing to drift.
"""

from __future__ import annotations

from dataclasses import dataclass

LANES = 2


@dataclass(frozen=True)
class Windows:
    """`length` positions in all, of which the last window's tokens fill the first `overlap`.

    Raises ValueError when two lanes could not hold it.
    """

    length: int = 500
    overlap: int = 250

    def __post_init__(self) -> None:
        if not 0 < 2 * self.overlap <= self.length:
            raise ValueError(
                f"An overlap is at most half the window's length: not {self.overlap} of {self.length}."
            )

    @property
    def stride(self) -> int:
        return self.length - self.overlap

    def writing(self, step: int) -> int:
        """The window whose logits choose the tokens of `step`."""
        return max(0, (step - self.overlap) // self.stride)

    def begins(self, window: int) -> int:
        """Its first step, which is also its first frame."""
        return window * self.stride

    def in_lanes(self, step: int) -> tuple[int | None, ...]:
        """Which window each lane holds at `step`; None where it waits for its next one."""
        lanes: list[int | None] = [None] * LANES
        for window in (writing := self.writing(step), writing + 1):
            if self.begins(window) <= step < self.begins(window) + self.length:
                lanes[window % LANES] = window
        return tuple(lanes)
