"""Who makes the music: which options are refused, who may be chosen, what that changes about the service."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from composer.remote.served import Instrument
from composer.symbolic import SymbolicComposer
from stream.cli import doctor, music
from stream.cli.music import MusicGenChoice, offers, read_prompt, settings_for
from stream.composing.offer import Ensemble, Offer
from stream.settings import Settings
from tests.composer import tiny
from tests.composer.contract.conftest import serving
from tests.stream import scripted

NOTHING = MusicGenChoice("", False, None, 3.0, 8)


@pytest.fixture
def unprepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """MusicGen's weights are taken for prepared: none are here."""

    def prepared(model: str, *rest: Any) -> tuple[Any, str]:
        return None, model or "default"

    monkeypatch.setattr(music, "prepared", prepared)


def test_the_shipped_composer_needs_nothing() -> None:
    (one,) = offers([], NOTHING)
    assert one.name == "symbolic" and "Apache-2.0" in one.licence and one.open_notes is not None
    assert one.card["licence"] == "Apache-2.0" and one.card["files"]
    assert settings_for([one], Settings()) == Settings()


@pytest.mark.usefixtures("unprepared")
@pytest.mark.parametrize(
    ("named", "model", "names"),
    [
        ([], "a folder", ["symbolic", "musicgen"]),
        (["musicgen"], "", ["musicgen", "symbolic"]),
        (["musicgen", "symbolic"], "a folder", ["musicgen", "symbolic"]),
        (["symbolic", "symbolic"], "", ["symbolic"]),
    ],
)
def test_the_first_that_is_named_begins_and_the_shipped_one_is_always_there(
    named: list[str], model: str, names: list[str]
) -> None:
    assert [one.name for one in offers(named, NOTHING._replace(model=model))] == names


def test_what_cannot_be_had_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        offers(["sibelius"], NOTHING)
    assert "ws://HOST:PORT" in capsys.readouterr().err
    with pytest.raises(typer.Exit):
        offers(["musicgen"], NOTHING._replace(bits=5))
    assert "8 or 4" in capsys.readouterr().err
    with pytest.raises(typer.Exit):
        offers(["ws://127.0.0.1:1"], NOTHING)
    assert "127.0.0.1:1 cannot be reached" in capsys.readouterr().err


def test_a_composer_elsewhere_is_asked_who_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    player = tiny.player()
    instrument = Instrument("Tiny", "symbolic", "for tests", 0, lambda: SymbolicComposer(*player))
    with serving(instrument, token="sixteen-letters-") as server:
        url = f"ws://127.0.0.1:{server.port}"
        there, here = offers([url], NOTHING, "sixteen-letters-")
        assert (there.name, there.licence) == (f"127.0.0.1:{server.port}", "for tests")
        assert there.card["name"] == "Tiny" and here.name == "symbolic"
        assert there.read_anchor("slow piano").preset
        with pytest.raises(typer.Exit):
            offers([url], NOTHING)
    assert "--composer-token" in capsys.readouterr().err


@pytest.mark.usefixtures("unprepared")
def test_a_model_gets_one_session_a_longer_ring_and_no_spare() -> None:
    choice = offers(["musicgen"], NOTHING)
    assert settings_for(choice, Settings(port=9)) == Settings(port=9, max_sessions=1)
    assert "CC-BY-NC" in choice[0].licence and choice[0].card["licence"] == choice[0].licence
    ensemble = Ensemble([Offer("x", "", "", scripted.sine_composer, read_prompt), *choice], Settings())
    assert ensemble.first.name == "x"
    assert ensemble.terms("x").ring_samples == Settings().ring_samples
    longest = ensemble.terms("musicgen").ring_samples
    assert longest > Settings().ring_samples and ensemble.ring_capacity == 2 * longest
    assert ensemble.terms("musicgen").start_timeout_s > ensemble.terms("x").start_timeout_s
    assert choice[0].warm == 0


def test_an_ensemble_needs_somebody_and_everybody_a_name_of_his_own() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Ensemble([], Settings())
    with pytest.raises(ValueError, match="name"):
        Ensemble([*scripted.offers(), *scripted.offers()], Settings())


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
