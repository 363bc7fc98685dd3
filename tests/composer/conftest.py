"""Tones rendered once for many tests: what a patch renders depends on the pitch alone (test_instruments)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

from composer import bank, drumkit, instruments

KEPT = 1024
"""Zones and takes: more than all presets have."""


class Once:
    """An instrument or a drum that renders each of its sounds once in this process."""

    def __init__(self, made: Any) -> None:
        self._made = made

    def zone(self, pitch: int) -> Any:
        return rendered(self._made.zone, pitch)

    def take(self, index: int) -> Any:
        return rendered(self._made.take, index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


@lru_cache(KEPT)
def rendered(render: Any, which: int) -> Any:
    return render(which)


INSTRUMENTS = {name: Once(made) for name, made in instruments.INSTRUMENTS.items()}
DRUMS = {name: Once(made) for name, made in drumkit.DRUMS.items()}


@pytest.fixture(scope="module")
def tones_kept() -> Iterator[None]:
    """The bank renders nothing twice, whichever test of this process asked first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bank, "INSTRUMENTS", INSTRUMENTS)
        patch.setattr(bank, "DRUMS", DRUMS)
        yield
