"""Stand-ins for sensor, window and composer whose every output is known in advance.

Importable by name in a spawned process: the composer factories are pickled as `tests.stream.scripted.<name>`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping

import numpy as np
from av import VideoFrame

from stream.composing.offer import Offer
from stream.ports import SAMPLE_RATE_HZ, Affect, AnchorReply, Block, ComposerFactory, Reading, Window

BASE_HZ = 500.0


class SineComposer:
    """A sine: arousal sets its loudness, valence its pitch, the anchor is its name. Accents are counted."""

    latency_samples = 0

    def __init__(self) -> None:
        self._anchor = ""
        self._seed = 0
        self._phase = 0.0
        self._position = 0
        self._steers: list[tuple[int, float, float]] = [(0, 0.0, 0.0)]
        self._accents = 0

    def prime(self, anchor: str, seed: int) -> None:
        self._anchor, self._seed = anchor, seed

    def steer(self, valence: float, arousal: float, at_sample: int) -> None:
        self._steers = [*self._steers[-8:], (at_sample, valence, arousal)]

    def accent(self, at_sample: int) -> None:
        self._accents += 1

    def render(self, n_samples: int) -> Block:
        _, valence, arousal = self._steers[-1]
        step = 2 * np.pi * BASE_HZ * 2**valence / SAMPLE_RATE_HZ
        phases = self._phase + step * np.arange(1, n_samples + 1)
        self._phase = float(phases[-1] % (2 * np.pi))
        self._position += n_samples
        block = np.empty((n_samples, 2), np.float32)
        np.multiply(np.sin(phases), 0.3 + 0.2 * arousal, out=block[:, 0], casting="same_kind")
        np.multiply(block[:, 0], 0.5, out=block[:, 1])
        return block

    def state(self) -> bytes:
        return json.dumps([self._anchor, self._seed, self._phase, self._position]).encode()

    def restore(self, state: bytes, exact: bool = True) -> None:
        self._anchor, self._seed, self._phase, self._position = json.loads(state)

    def now_playing(self) -> Mapping[str, str | float]:
        return {
            "style": self._anchor,
            "key": "A minor",
            "tempo_bpm": 60.0,
            "seed": float(self._seed),
            "position": float(self._position),
            "accents": float(self._accents),
        }


class HangingComposer(SineComposer):
    """Hangs in `render` for ever when told to by the anchor, after a second of music."""

    def render(self, n_samples: int) -> Block:
        if self._anchor == "hang" and self._position >= SAMPLE_RATE_HZ:
            time.sleep(3600)
        return super().render(n_samples)


class RaisingComposer(SineComposer):
    """Raises in `render` once its anchor is "raise"."""

    def render(self, n_samples: int) -> Block:
        if self._anchor == "raise":
            raise RuntimeError("scripted fault")
        return super().render(n_samples)


def sine_composer() -> SineComposer:
    return SineComposer()


class HighComposer(SineComposer):
    """The same, an octave higher."""

    def __init__(self) -> None:
        super().__init__()
        self.steer(0.0, 0.0, 0)

    def steer(self, valence: float, arousal: float, at_sample: int) -> None:
        super().steer(valence + 1.0, arousal, at_sample)


def high_composer() -> HighComposer:
    return HighComposer()


def hanging_composer() -> HangingComposer:
    return HangingComposer()


def raising_composer() -> RaisingComposer:
    return RaisingComposer()


def broken_composer() -> SineComposer:
    raise OSError("scripted: the weight file is missing")


def dying_composer() -> SineComposer:
    os._exit(7)


class BrightnessSensor:
    """Reads valence from how red the picture is, arousal from how bright; a cut when brightness jumps."""

    def __init__(self) -> None:
        self._last: float | None = None

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        picture = frame.reformat(width=32, height=18, format="rgb24").to_ndarray().astype(np.float64) / 255.0
        bright = float(picture.mean())
        red = float(picture[..., 0].mean() - picture[..., 2].mean())
        cut = self._last is not None and abs(bright - self._last) > 0.3
        self._last = bright
        return Reading(t_s, float(np.clip(red, -1, 1)), 2 * bright - 1, 1.0, cut)


class LastReadingWindow:
    """The estimate is the last reading."""

    def __init__(self) -> None:
        self._last = Reading(0.0, 0.0, 0.0, 0.0, False)

    def add(self, reading: Reading) -> None:
        self._last = reading

    def estimate(self, t_s: float) -> Affect:
        return Affect(self._last.valence, self._last.arousal, self._last.confidence)


WINDOWS: Mapping[str, Callable[[], Window]] = {"balanced": LastReadingWindow, "calm": LastReadingWindow}
PRESETS = ("slow piano", "bright strings")


def read_anchor(text: str) -> AnchorReply:
    if not text.strip():
        raise ValueError("The anchor is empty: name a preset or describe the music.")
    preset = text if text in PRESETS else ""
    return AnchorReply(preset, "", "", "", "", (text,) if preset else (), () if preset else (text,))


def offers(factory: ComposerFactory = sine_composer) -> list[Offer]:
    """Two to choose from: the one given, and one that is a sine too, an octave higher."""
    return [
        Offer("symbolic", "A sine", "free", factory, read_anchor, card={"name": "A sine", "licence": "free"}),
        Offer("high", "A high sine", "not for sale", high_composer, read_anchor, warm=0),
    ]
