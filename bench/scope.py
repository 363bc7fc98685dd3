"""How much to measure: what `python -m bench` was asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from composer.presets import PRESETS
from composer.weights import SHIPPED


@dataclass(frozen=True)
class Scope:
    """`full`: the lengths that were asked for instead of short ones. `seeds` per preset; 0, the default."""

    full: bool = False
    presets: tuple[str, ...] = tuple(PRESETS)
    seeds: int = 0
    weights: Path = SHIPPED
    folder: Path = Path("artifacts")
    workers: int = max(min(os.cpu_count() or 1, 4), 1)
