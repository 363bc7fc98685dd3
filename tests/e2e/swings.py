"""Whether what is heard goes up and down as what is shown goes dark and bright."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Mono = npt.NDArray[np.float64]

TURN_S = 2
"""How long the picture stays dark, then bright."""
HEARD_S = 5.0
"""How much has to be heard, so that there is some of both."""


def loud_over_soft(mono: Mono) -> float:
    """How far the loudness went up and down: percentiles of the RMS of fifths of a second that sound."""
    rms = np.sqrt(np.mean(mono[: len(mono) // 9600 * 9600].reshape(-1, 9600) ** 2, axis=1))
    soft, loud = np.percentile(rms[rms > 0.01], [10, 90])
    return float(loud / soft)
