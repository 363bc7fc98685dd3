"""The sensor of one session: frames in, readings out.

The encoder and the probe are shared by all sessions and read-only; everything else belongs to the session and
is called from one worker thread at a time, never from an event loop: a reading takes milliseconds.
"""

from __future__ import annotations

import math

from av import VideoFrame

from sensor.adaptation import Adaptation, AdaptationMode
from sensor.cuts import CutDetector
from sensor.encoder import Encoder, create_encoder
from sensor.errors import WeightsError
from sensor.motion import Motion
from sensor.picture import Picture, Shrinker
from sensor.probe import Probe, load_probe
from sensor.reading import Reading, clip_unit


class Eye:
    """What all sessions share: the frozen encoder and the probe trained on it."""

    def __init__(self, encoder: Encoder, probe: Probe) -> None:
        """Raises `WeightsError` when the probe was trained on other features than `encoder` gives."""
        wanted = probe.card["encoder"]
        if wanted["sha256"] != encoder.digest or probe.size_px != encoder.size_px:
            raise WeightsError(
                probe.path,
                f"a probe for the encoder {encoder.digest[:12]}... at {encoder.size_px} px",
                f"one for {str(wanted['sha256'])[:12]}... at {probe.size_px} px",
            )
        self.encoder = encoder
        self.probe = probe


def create_eye(probe: Probe | None = None) -> Eye:
    """The shipped probe, or the one given, and the encoder it was trained on, warm. Takes about a second."""
    probe = probe or load_probe()
    return Eye(create_encoder(probe.variant, probe.size_px, probe.card["encoder"]["sha256"]), probe)


class LiveSensor:
    """Reads the pictures of one session."""

    def __init__(self, eye: Eye, adaptation: AdaptationMode = "off") -> None:
        """`eye` is shared by all sessions; `adaptation` says how far to stretch a session's own range."""
        self._eye = eye
        self._shrinker = Shrinker(eye.encoder.size_px)
        self._cuts = CutDetector()
        self._motion = Motion()
        self._adaptation = Adaptation(adaptation)
        self._last_s = -math.inf
        self._last = (0.0, 0.0)

    def read(self, frame: VideoFrame, t_s: float) -> Reading:
        """One reading of `frame`, seen at `t_s`. Never raises on a bad picture: confidence is 0 then."""
        picture = self._shrinker.shrink(frame)
        if picture is None:
            self._cuts.skip()
            return Reading(t_s, *self._last, 0.0, False)
        return self._look(picture, t_s)

    def _look(self, picture: Picture, t_s: float) -> Reading:
        features = self._eye.encoder.features(picture.rgb)
        valence, arousal = self._eye.probe.read(features)
        if not (math.isfinite(t_s) and t_s > self._last_s):
            # Out of order, or no time at all: a picture is still a picture, but what happened between this
            # one and its neighbors is unknown.
            arousal = clip_unit(arousal + self._motion.arousal)
            return Reading(t_s, *self._adaptation.stretch(valence, arousal), picture.confidence, False)
        if picture.confidence > 0:
            cut = self._cuts.add(picture.luma, self._eye.encoder.look(features), t_s)
        else:
            self._cuts.skip()
            cut = False
        arousal = clip_unit(arousal + self._motion.add(picture.luma, t_s, cut, self._cuts.waiting))
        if picture.confidence > 0:
            self._adaptation.learn(valence, arousal, t_s)
            self._last = self._adaptation.stretch(valence, arousal)
        self._last_s = t_s
        return Reading(t_s, *self._last, picture.confidence, cut)
