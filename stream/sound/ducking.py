"""The music steps aside while somebody speaks: from a voice's level to a gain. Pure: it is told the time.

Down fast enough not to cover the first word, held through the pauses between words, up slowly: so that it
does not pump. The way is linear in dB.
"""

from __future__ import annotations

from stream.sound.level_meter import FLOOR_DB

OPENS_DB, CLOSES_DB = -42.0, -48.0
"""A voice is there from the first level on, and gone below the second."""
ATTACK_S = 0.12
HOLD_S = 0.7
RELEASE_S = 1.2
STALE_S = 0.5
"""A level that is not renewed counts as silence."""
MAX_DEPTH_DB = 40.0


class Ducker:
    """One voice, one gain. Not thread-safe."""

    def __init__(self, depth_db: float = 12.0) -> None:
        self.depth_db = depth_db
        """How far the music steps back; 0 is not at all."""
        self._level_db = FLOOR_DB
        self._heard_s = 0.0
        self._voice_until_s = float("-inf")
        self._open = False
        self._part = 0.0  # 0: all the music, 1: all the way down
        self._at_s: float | None = None

    def hear(self, level_db: float, now_s: float) -> None:
        """The voice's level now, dB below full scale."""
        self._level_db, self._heard_s = level_db, now_s

    def gain_db(self, now_s: float) -> float:
        """0 down to -`depth_db`. To be asked often; time may not go back."""
        level_db = self._level_db if now_s - self._heard_s <= STALE_S else FLOOR_DB
        self._open = level_db >= (CLOSES_DB if self._open else OPENS_DB)
        if self._open:
            self._voice_until_s = now_s + HOLD_S
        passed_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._at_s = now_s
        if now_s < self._voice_until_s:
            self._part = min(1.0, self._part + passed_s / ATTACK_S)
        else:
            self._part = max(0.0, self._part - passed_s / RELEASE_S)
        return 0.0 - self.depth_db * self._part
