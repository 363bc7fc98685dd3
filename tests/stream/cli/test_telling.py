"""The composer of the service tells what it plays, in a form that crosses a pipe and becomes a MIDI file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from composer import symbolic
from composer.played import Begun, Sounded
from composer.remote.client import RemoteComposer
from composer.remote.line import Remote
from stream.cli import telling
from stream.cli.remote import of_symbolic
from stream.cli.telling import TellingComposer
from stream.ports import TellsNotes
from tests.composer.contract.conftest import serving

SECONDS = 3


def test_notes_are_told_and_the_music_is_the_same(tmp_path: Path) -> None:
    plain = symbolic.create()
    plain.prime("chiptune", 3)
    expected = plain.render(SECONDS * 48_000)
    assert not isinstance(plain, TellsNotes)
    plain.close()  # one at a time: there is one graph a process

    composer = telling.create()
    composer.prime("chiptune", 3)
    assert isinstance(composer, TellsNotes)
    blocks, told = [], list[Begun | Sounded]()
    for _ in range(SECONDS * 100):
        blocks.append(composer.render(480))
        told += pickle.loads(pickle.dumps(composer.take_notes()))
    assert composer.take_notes() == ()
    composer.close()
    assert (np.concatenate(blocks) == expected).all()

    with telling.open_notes(tmp_path / "notes.mid", "live") as file:
        for note in told:
            file.add(note)
    assert sum(isinstance(note, Sounded) and note.velocity > 0 for note in told) >= 5
    data = (tmp_path / "notes.mid").read_bytes()
    assert data.startswith(b"MThd") and data.count(b"MTrk") == 1
    assert len(data) == 14 + 8 + int.from_bytes(data[18:22], "big")


def test_a_composer_elsewhere_tells_the_same_notes() -> None:
    def notes(composer: TellingComposer | RemoteComposer) -> list[object]:
        try:
            composer.prime("chiptune", 4)
            told: list[object] = []
            for _ in range(200):
                composer.render(480)
                told += composer.take_notes()
            return told
        finally:
            composer.close()

    here = notes(telling.create())
    with serving(of_symbolic()) as server:
        elsewhere = notes(RemoteComposer(Remote(f"ws://127.0.0.1:{server.port}", ahead_samples=1440)))
    assert any(isinstance(note, Sounded) for note in here)
    assert elsewhere == here
