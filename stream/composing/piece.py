"""The piece that a session wants: what whoever plays it begins with, and what it is still to be told."""

from __future__ import annotations

from stream.composing.messages import Accent, Prime, Primed, Snapshot


class Piece:
    """`set_...` and `accent` may be called from any thread; the rest is the supervisor's.

    Anchors are numbered: wanted, sent, and acknowledged by the process that plays now. A new one is only sent
    once the last was acknowledged; of those that came meanwhile the newest wins.
    """

    def __init__(self, anchor: str, seed: int) -> None:
        self.anchor = anchor
        self.seed = seed
        self.number = 0
        """Of the anchor that is wanted."""
        self._sent = 0
        self._primed = 0
        self._accent = False
        self.snapshot: Snapshot | None = None
        """Where whoever plays next goes on; None: from the beginning."""
        self._snapshot_number = 0

    def set_anchor(self, anchor: str) -> None:
        """Another style."""
        self.anchor = anchor
        self.number += 1

    def set_seed(self, seed: int) -> None:
        """Another piece in the same style."""
        self.seed = seed
        self.snapshot = None
        self.number += 1

    def accent(self) -> None:
        """A cut. Those that come faster than they can be passed on are one."""
        self._accent = True

    def forget(self) -> None:
        """Whoever plays next begins anew."""
        self.snapshot = None

    def begun(self) -> Snapshot | None:
        """A process begins with what is wanted now, or goes on from what is returned.

        A snapshot in an older style is gone on from, then crossed over from, as it would have been.
        """
        snapshot = self.snapshot
        self._sent = self._primed = self.number if snapshot is None else self._snapshot_number
        return snapshot

    def due(self) -> tuple[Prime | Accent, ...]:
        """What it is to be told now."""
        commands: list[Prime | Accent] = []
        if self.number != self._sent == self._primed:
            self._sent = self.number
            commands.append(Prime(self._sent, self.anchor, self.seed))
        if self._accent:
            self._accent = False
            commands.append(Accent())
        return tuple(commands)

    def hear(self, report: Primed | Snapshot) -> None:
        """What it said of the piece. A state from before an anchor that is on its way is not kept."""
        if isinstance(report, Primed):
            self._primed = report.number
        elif self._sent == self._primed:
            self.snapshot, self._snapshot_number = report, self._primed
