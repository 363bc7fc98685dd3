"""Whether a run was a demo at all: what a machine that is too busy left out, in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stream.ports import SAMPLE_RATE_HZ

FEW_READINGS_HZ = 2.0
"""The service itself, when it is strained, goes no lower."""
MISSING_SHARE = 0.05
"""Of the time. A gap or two are figures of the table; more is not what was to be shown."""


class Shortfall(NamedTuple):
    """`sentences` say what was too slow, none if nothing was. `nothing`: there is not even a part to show."""

    sentences: tuple[str, ...]
    nothing: bool


def shortfall(
    seconds: float,
    readings_s: Sequence[float],
    sounding_s: Sequence[tuple[float, int]],
    received_s: Sequence[float],
    began_s: float,
) -> Shortfall:
    """Of `seconds` from the first picture on, sent at `began_s`.

    All times are on one clock: of each reading; of each block that left with sound in it, with its samples;
    of each block that reached the listener.
    """
    end_s = began_s + seconds
    sentences = []
    readings = sum(began_s <= t_s < end_s for t_s in readings_s)
    if readings < FEW_READINGS_HZ * seconds:
        sentences.append(
            f"The picture was read {readings} times in {seconds:.0f} s: the sensor came too seldom, "
            f"{FEW_READINGS_HZ:.0f} times a second is the least."
        )
    sounded_s = sum(count for t_s, count in sounding_s if began_s <= t_s < end_s) / SAMPLE_RATE_HZ
    missing_s = max(seconds - sounded_s, 0.0)
    if missing_s > MISSING_SHARE * seconds:
        sentences.append(f"For {missing_s:.1f} of {seconds:.0f} s no music was there: it came too late.")
    heard = any(began_s <= t_s < end_s for t_s in received_s)
    if not heard:
        sentences.append("Nothing reached the listener.")
    return Shortfall(tuple(sentences), nothing=not (readings and sounded_s and heard))
