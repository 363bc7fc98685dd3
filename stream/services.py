"""What the service is given from outside: the seams where sensor and composer are put in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stream.clock import Clock
from stream.composer_pool import ComposerPool
from stream.ports import ReadAnchor, Window
from stream.sensing import SensingPool
from stream.settings import Settings

WindowFactory = Callable[[], Window]


class Services(NamedTuple):
    """What every session shares."""

    settings: Settings
    clock: Clock
    sensing: SensingPool
    composers: ComposerPool
    window_factory: WindowFactory
    read_anchor: ReadAnchor
    presets: tuple[str, ...]
    silence: bytes
    """One Opus packet of silence."""

    @property
    def default_anchor(self) -> str:
        return self.settings.default_anchor or self.presets[0]
