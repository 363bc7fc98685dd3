"""The decoding loop: delay pattern, two lanes, guidance, sampling. Explicit state, no end.

At step s codebook k is given the token of frame s - 1 - k and asked for that of frame s - k; so a frame is
whole `codebooks - 1` steps after its first token. Tokens before a window's first frame are the begin token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from composer.musicgen import sampling
from composer.musicgen.geometry import Geometry, Manner
from composer.musicgen.stepper import Array, Stepper, WeightedText
from composer.musicgen.windows import LANES, Windows

Codes = npt.NDArray[np.int64]
ResidualAt = Callable[[int], Array | None]
"""The residual of a past step, counted from the piece's beginning."""


class TokenStream:
    """One endless piece of tokens on one stepper, which has `rows_for(manner)` rows.

    Steps are counted from the piece's beginning. `base` is the step at which the present row of windows
    began: 0, unless the stream had to begin again (`begin_again`).
    """

    def __init__(
        self, stepper: Stepper, geometry: Geometry, windows: Windows, manner: Manner, seed: int
    ) -> None:
        assert stepper.rows == rows_for(manner) and stepper.capacity >= windows.length
        self._stepper, self._geometry, self._windows, self._manner = stepper, geometry, windows, manner
        self.seed = seed
        self.step_number = 0
        self.base = 0
        self._first = 0
        """The frame of `_codes[0]`."""
        self._codes: Codes = np.full((2 * windows.length, geometry.codebooks), -1, dtype=np.int64)
        self.texts_at: list[tuple[int, int, tuple[WeightedText, ...]]] = []
        """What each lane was told to listen to: (step, lane, texts), for the steps a replay may need."""

    # -- one step -------------------------------------------------------------------------------------

    @property
    def opening(self) -> int | None:
        """The lane whose window begins at the coming step, if one does: its texts may be chosen now."""
        step = self.step_number - self.base
        lane = (step // self._windows.stride) % LANES
        return lane if step % self._windows.stride == 0 else None

    def listen(self, lane: int, texts: Sequence[WeightedText]) -> None:
        """What a lane attends to from the coming step on."""
        self.texts_at.append((self.step_number, lane, tuple(texts)))
        self._stepper.listen(lane, texts)

    def step(self, residuals: Array | None = None) -> Codes | None:
        """Choose the tokens of one step; the codes (K,) of the frame that is now whole, if one is."""
        at = self.step_number
        logits = self._feed(at, residuals)
        lane = self._windows.writing(at - self.base) % LANES
        chosen = logits[lane]
        if self._manner.guided:
            chosen = sampling.guided(chosen, logits[LANES + lane], self._manner.guidance)
        tokens = sampling.choose(chosen, self._manner, self.seed, at)
        self._make_room(at)
        for k, token in enumerate(tokens.tolist()):
            if at - k >= 0:
                self._codes[at - k - self._first, k] = token
        self.step_number += 1
        whole = at - self._geometry.codebooks + 1
        return self._codes[whole - self._first].copy() if whole >= 0 else None

    def _feed(self, at: int, residuals: Array | None) -> Array:
        """Logits (rows, K, V) after giving each lane its tokens of step `at`."""
        step = at - self.base
        tokens = np.full((LANES, self._geometry.codebooks), self._geometry.begin_token, dtype=np.int64)
        positions = np.zeros(LANES, dtype=np.int64)
        for lane, window in enumerate(self._windows.in_lanes(step)):
            if window is None:
                continue  # fed position 0, which its next window writes over
            positions[lane] = step - self._windows.begins(window)
            begins = self.base + self._windows.begins(window)
            for k in range(self._geometry.codebooks):
                frame = at - 1 - k
                if frame >= max(begins, self._first):
                    tokens[lane, k] = self._codes[frame - self._first, k]
        copies = self._stepper.rows // LANES
        return self._stepper.step(np.tile(tokens, (copies, 1)), np.tile(positions, copies), residuals)

    def _make_room(self, frame: int) -> None:
        if frame - self._first < len(self._codes):
            return
        drop = len(self._codes) - self._windows.length - self._geometry.codebooks
        self._codes[:-drop] = self._codes[drop:].copy()
        self._codes[-drop:] = -1
        self._first += drop
        self._forget_texts()

    # -- going on elsewhere, or again -----------------------------------------------------------------

    @property
    def remembered_from(self) -> int:
        """The first step that a resumed stream has to be fed again."""
        step = self.step_number - self.base
        return self.base + self._windows.begins(self._windows.writing(step))

    def _forget_texts(self) -> None:
        """Keep what is in force at the first step a replay needs, and everything after."""
        need = self.remembered_from
        before: dict[int, tuple[int, int, tuple[WeightedText, ...]]] = {}
        for entry in self.texts_at:
            if entry[0] <= need:
                before[entry[1]] = entry
        self.texts_at = [*before.values(), *(entry for entry in self.texts_at if entry[0] > need)]

    def state(self) -> dict[str, Any]:
        """What `resume` needs, as plain JSON values; the texts are the caller's to keep."""
        known = self._codes[: max(self.step_number - self._first, 0)]
        return {
            "seed": self.seed,
            "step": self.step_number,
            "base": self.base,
            "first": self._first,
            "codes": known.tolist(),
        }

    def resume(
        self,
        state: dict[str, Any],
        texts_at: Sequence[tuple[int, int, tuple[WeightedText, ...]]],
        residual_at: ResidualAt,
        replay: bool = True,
    ) -> None:
        """Stand where a stream stood whose `state` and `texts_at` these were: the same caches, bit for bit.

        Takes as long as playing what the two windows hold. Without `replay` the caches are left empty: call
        `begin_again` next.
        """
        self.seed, self.step_number = int(state["seed"]), int(state["step"])
        self.base, self._first = int(state["base"]), int(state["first"])
        self._codes[:] = -1
        self._codes[: len(state["codes"])] = np.array(state["codes"], dtype=np.int64).reshape(
            -1, self._geometry.codebooks
        )
        self.texts_at = list(texts_at)
        self._forget_texts()
        if not replay:
            return
        waiting = list(self.texts_at)
        for at in range(self.remembered_from, self.step_number):
            while waiting and waiting[0][0] <= at:
                self._stepper.listen(*waiting.pop(0)[1:])
            self._feed(at, residual_at(at))
        for _, lane, texts in waiting:
            self._stepper.listen(lane, texts)

    def begin_again(self, keep: int, texts: Sequence[WeightedText], residual_at: ResidualAt) -> None:
        """Forget all but the last `keep` steps: a new row of windows, whose first has read those.

        What a successor in a hurry does, and what leads out of silence. At least `codebooks - 1` are kept, or
        the frames under way would never be whole.
        """
        known = min(self._windows.overlap, self.step_number - self._first)
        keep = min(max(keep, self._geometry.codebooks - 1), known)
        self.base = self.step_number - keep
        self.texts_at = []
        for lane in range(LANES):
            self.texts_at.append((self.base, lane, tuple(texts)))
            self._stepper.listen(lane, texts)
        for at in range(self.base, self.step_number):
            self._feed(at, residual_at(at))


def rows_for(manner: Manner) -> int:
    """Rows of the batch: a lane each, and with guidance as many again that hear no text."""
    return LANES * (2 if manner.guided else 1)
