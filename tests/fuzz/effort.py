"""How many inputs each fuzz test tries: a short run by default, `FUZZ=n` times as many for `make fuzz`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = int(os.environ.get("FUZZ", "1"))
tried: dict[str, int] = {}
"""Inputs handed to the code under test, by target."""


def fuzz(examples: int) -> Callable[[Any], Any]:
    """Settings for one test. The short run is the same every time; the long one is not."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def count(target: str) -> None:
    tried[target] = tried.get(target, 0) + 1
