"""What the service is given from outside: the seams where sensor and composer are put in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stream.clock import Clock
from stream.composing.offer import Ensemble
from stream.recording.recorder import Provenance, nothing_known
from stream.sensing.mood import WindowFactory
from stream.sensing.readers import SensingPool
from stream.settings import Settings


class Services(NamedTuple):
    """What every session shares."""

    settings: Settings
    clock: Clock
    sensing: SensingPool
    composers: Ensemble
    windows: Mapping[str, WindowFactory]
    """By the name of how fast they follow."""
    presets: tuple[str, ...]
    silence: bytes
    """One Opus packet of silence."""
    provenance: Provenance = nothing_known
    """For recordings."""

    @property
    def default_anchor(self) -> str:
        return self.settings.default_anchor or self.presets[0]

    @property
    def default_reactivity(self) -> str:
        return self.settings.reactivity or next(iter(self.windows))
