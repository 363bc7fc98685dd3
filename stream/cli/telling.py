"""The symbolic composer as the service runs it: it tells what it plays, so that recordings hold the notes."""

from __future__ import annotations

from collections import deque
from functools import cache
from pathlib import Path

from composer.decoding import StepAdapter, StepDecoder
from composer.midi import MidiFile
from composer.played import Begun, Sounded
from composer.symbolic import SymbolicComposer
from composer.weights import playable, read

MAX_KEPT = 1024
"""Notes nobody has taken yet; then the oldest are lost. They are taken with every block of 10 ms."""


@cache
def shipped() -> tuple[StepDecoder, StepAdapter | None]:
    """The shipped weights, read and checked once a process, shared by all who play. Raises WeightsError."""
    return playable(read())


class TellingComposer(SymbolicComposer):
    """See `stream.ports.TellsNotes`."""

    def __init__(self) -> None:
        self._kept: deque[Begun | Sounded] = deque(maxlen=MAX_KEPT)
        super().__init__(*shipped(), played=self._kept.append)

    def take_notes(self) -> tuple[Begun | Sounded, ...]:
        if not self._kept:
            return ()
        notes = tuple(self._kept)
        self._kept.clear()
        return notes


def create() -> TellingComposer:
    """The composer on the shipped weights. What a composer process calls. Raises WeightsError."""
    return TellingComposer()


def open_notes(path: Path, title: str) -> MidiFile:
    """See `stream.ports.OpenNoteFile`."""
    return MidiFile(path, title)
