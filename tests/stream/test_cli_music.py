"""Options of the MusicGen composer: what is refused, and what it changes about the service."""

from __future__ import annotations

import pytest
import typer

from stream.cli import doctor
from stream.cli.music import RING_MS, Musician, musician, read_prompt, settings_for
from stream.settings import Settings
from tests.stream import scripted


def test_the_symbolic_composer_needs_nothing() -> None:
    assert musician("symbolic", "", False, None, 3.0, 8) is None
    assert settings_for(None, Settings()) == Settings()


def test_options_without_their_composer_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        musician("symbolic", "facebook/musicgen-small", False, None, 3.0, 8)
    assert "--composer musicgen" in capsys.readouterr().err
    with pytest.raises(typer.Exit):
        musician("musicgen", "", False, None, 3.0, 5)
    assert "8 or 4" in capsys.readouterr().err


def test_a_model_gets_one_session_and_a_longer_ring() -> None:
    chosen = settings_for(Musician(scripted.sine_composer, {}), Settings(port=9))
    assert (chosen.port, chosen.max_sessions, chosen.warm_composers) == (9, 1, 0)
    assert chosen.ring_ms == RING_MS > Settings().ring_ms


def test_a_prompt_is_heard_whole() -> None:
    reply = read_prompt("a  quartet of kazoos")
    assert reply.genre == "a quartet of kazoos" and reply.ignored == ()
    assert read_prompt("LOFI").preset == "lofi" and read_prompt("lofi").pacing
    with pytest.raises(ValueError, match="empty"):
        read_prompt(" ")


def test_the_doctor_gives_its_reason() -> None:
    assert doctor.remark(2.0) == ""
    assert "reading and sending" in doctor.remark(1.1)
    assert "takes 4.0 s" in doctor.remark(0.25)
    assert not doctor.Finding("x", 1.1, "").plays and doctor.Finding("x", 1.3, "").plays
    assert not doctor.Finding("x", None, "no weights").plays
