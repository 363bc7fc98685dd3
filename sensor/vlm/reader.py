"""A loaded model reading the frames of several sessions: what runs inside the process, apart from it."""

from __future__ import annotations

from pathlib import Path

from sensor.errors import SensorError
from sensor.picture import Rgb
from sensor.vlm import anchor, projector
from sensor.vlm.loading import Vlm
from sensor.vlm.messages import Looked, Wrote
from sensor.vlm.narrative import Narrative
from sensor.vlm.rating import questions, rate
from sensor.vlm.source import fingerprint
from sensor.vlm.span import NarrativeConfig

MOST_SESSIONS = 8
"""Windows kept at once; the one unused for longest makes room."""


class Reader:
    """One model, one window a session. One caller at a time."""

    def __init__(
        self, vlm: Vlm, probe: projector.Projector | None, config: NarrativeConfig | None = None
    ) -> None:
        """Without a `probe` the model is asked to rate. Raises `SensorError` when it has no digits to."""
        self._vlm = vlm
        self._probe = probe
        self._config = config
        self._windows: dict[int, Narrative] = {}
        try:
            self._questions = None if probe is not None else questions(vlm)
        except ValueError as error:
            raise SensorError(f"without a probe this model cannot be used: {error}") from None

    def look(self, session: int, t_s: float, rgb: Rgb) -> Looked:
        """Read one frame. A picture that cannot be read, or numbers that are not, have no confidence.

        Raises RuntimeError as torch does, out of memory above all; `forget` the session then.
        """
        window = self._window(session)
        try:
            seen = self._vlm.encode(rgb)
        except ValueError:
            return Looked(session, t_s, 0.0, 0.0, 0.0)
        state = window.see(seen, t_s)
        if not bool(state.isfinite().all()):
            # Half precision overflowed: what is kept of this frame would spoil all that follow.
            window.clear()
            return Looked(session, t_s, 0.0, 0.0, 0.0)
        if self._probe is not None:
            point = self._probe.read(state)
            return Looked(session, t_s, *(point or (0.0, 0.0)), 1.0 if point else 0.0)
        assert self._questions is not None
        return Looked(session, t_s, *rate(window, self._questions))

    def write(self, session: int) -> Wrote:
        """The anchor from the frames in a session's window."""
        window = self._window(session)
        if not window.frames:
            return Wrote(session, "", "it has seen nothing yet")
        try:
            return Wrote(session, anchor.write(self._vlm, window).text(), "")
        except anchor.NoAnchor as error:
            return Wrote(session, "", str(error))

    def forget(self, session: int) -> None:
        """Free a session's window."""
        self._windows.pop(session, None)

    def _window(self, session: int) -> Narrative:
        window = self._windows.pop(session, None) or Narrative(self._vlm, self._config)
        self._windows[session] = window  # the newest is last
        while len(self._windows) > MOST_SESSIONS:
            del self._windows[next(iter(self._windows))]
        return window


def create_reader(folder: Path, device: str, dtype: str, probe: Path | None) -> Reader:
    """Load model and probe. Raises `WeightsError` and `SensorError`."""
    from sensor.vlm.loading import load

    vlm = load(folder, device, dtype)
    trained = None if probe is None else projector.load(probe, fingerprint(folder), vlm.width)
    return Reader(vlm, trained)
