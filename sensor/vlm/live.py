"""The sensor of one session with both readings: the fast one always, the slow one when there is one."""

from __future__ import annotations

from typing import Protocol

from av import VideoFrame

from sensor.adaptation import Adaptation, AdaptationMode
from sensor.fusion import Fusion
from sensor.reading import Reading
from sensor.vlm.eye import SlowEye


class Fast(Protocol):
    """A sensor that reads every frame it is given, as `sensor.live.LiveSensor` does."""

    def read(self, frame: VideoFrame, t_s: float) -> Reading: ...


class FusedSensor:
    """Reads as the fast sensor does, moved to where the slow one says. Called as `LiveSensor` is.

    Handing a frame to the slow reading is storing it: it is scaled on another thread and read in another
    process, so a reading here costs what the fast one costs.
    """

    def __init__(self, fast: Fast, slow: SlowEye, adaptation: AdaptationMode = "off") -> None:
        """`fast` must not adapt to its session itself: levels are corrected first and stretched then."""
        self._fast = fast
        self._slow = slow
        self._fusion = Fusion()
        self._adaptation = Adaptation(adaptation)

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        """One reading of `frame`, seen at `t_s`. Never raises on a bad picture: confidence is 0 then."""
        reading = self._fast.read(frame, t_s)
        seen = reading.confidence > 0
        for looked in self._slow.take_looked():
            self._fusion.slow(looked.t_s, (looked.valence, looked.arousal), looked.confidence)
        if seen:
            self._slow.offer(frame, t_s)
        point = self._fusion.fast(t_s, (reading.valence, reading.arousal), known=seen)
        if seen:
            self._adaptation.learn(*point, t_s)
        valence, arousal = self._adaptation.stretch(*point)
        return reading._replace(valence=valence, arousal=arousal)

    def take_anchor(self) -> str | None:
        """The anchor written from the picture, once; None before and after, and when there is none."""
        return self._slow.take_anchor()
