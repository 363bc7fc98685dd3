"""A stand-in for the sounddevice module: devices and a stream that the test pulls from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from stream.ports import Block


class PortAudioError(Exception):
    pass


class Stream:
    def __init__(self, callback: Callable[[Block, int, object, object], None], **choices: Any) -> None:
        self.choices = choices
        self.state = "open"
        self._callback = callback

    def start(self) -> None:
        self.state = "playing"

    def stop(self) -> None:
        self.state = "stopped"

    def close(self) -> None:
        self.state = "closed"

    def pull(self, samples: int) -> Block:
        out = np.full((samples, 2), 9.0, np.float32)
        self._callback(out, samples, None, None)
        return out


class FakeSound:
    """`refuses` makes every stream fail to open."""

    def __init__(
        self, names: Sequence[str] = ("Headset", "Speakers (USB)", "CABLE Input"), refuses: str = ""
    ):
        self.PortAudioError: type[Exception] = PortAudioError
        self.default = SimpleNamespace(device=(0, 2))
        self.streams: list[Stream] = []
        self._refuses = refuses
        self._devices = [{"name": "Microphone", "max_output_channels": 0}]
        self._devices += [{"name": name, "max_output_channels": 2} for name in names]

    def query_devices(self) -> Sequence[Any]:
        return self._devices

    def OutputStream(self, **choices: Any) -> Stream:
        if self._refuses:
            raise PortAudioError(self._refuses)
        self.streams.append(Stream(**choices))
        return self.streams[-1]
