from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.composing.offer import Ensemble
from stream.doors import messages
from stream.ports import Reading
from stream.sensing.readers import SensingPool
from stream.session.services import Services
from stream.session.session import Session
from stream.settings import Settings
from tests import virtual_time
from tests.stream import scripted


def with_session(work: Callable[[Session], None]) -> None:
    """A session that has no peer yet, so no process and no thread either."""

    async def scenario() -> None:
        services = Services(
            Settings(),
            time.monotonic,
            SensingPool(scripted.BrightnessSensor, time.monotonic, threads=1, readings_hz=8.0, duty=0.5),
            Ensemble(scripted.offers(), Settings(warm_composers=0)),
            scripted.WINDOWS,
            scripted.PRESETS,
            b"",
        )
        work(Session("live", services))

    virtual_time.run(scenario())


def test_hello_says_how_things_are() -> None:
    def check(session: Session) -> None:
        hello = messages.hello(session, scripted.PRESETS)
        assert hello == {
            "type": "hello",
            "session": "live",
            "id": session.id,
            "presets": ["slow piano", "bright strings"],
            "anchor": {
                "text": "slow piano",
                "preset": "slow piano",
                "genre": "",
                "instrumentation": "",
                "atmosphere": "",
                "pacing": "",
                "understood": ("slow piano",),
                "ignored": (),
            },
            "composer": "symbolic",
            "composers": [
                {"name": "symbolic", "title": "A sine", "licence": "free"},
                {"name": "high", "title": "A high sine", "licence": "not for sale"},
            ],
            "volume": 1.0,
            "muted": False,
            "held": False,
            "reactivity": "balanced",
            "reactivities": ["balanced", "calm"],
            "duck": {"depth_db": 12.0, "source": "none"},
            "set": [],
        }

    with_session(check)


def test_telemetry_has_every_field_of_the_protocol_before_anything_plays() -> None:
    def check(session: Session) -> None:
        told = json.loads(json.dumps(messages.telemetry(session, [1.23456])))
        assert set(told) == {
            "type", "t_s", "affect", "reading", "cuts", "levels", "video", "audio", "composer",
            "duck_db", "obs", "recording", "notice",
        }  # fmt: skip
        assert told["cuts"] == [1.235] and told["reading"] is None
        assert told["video"]["state"] == "none" and told["audio"]["state"] == "starting"
        assert set(told["composer"]) == {"state", "restarts", "style", "key", "tempo_bpm"}
        session.mood.reading = Reading(1.0, 0.25, -0.5, 1.0, True)
        told = messages.telemetry(session, [])
        assert told["reading"] == {"t_s": 1.0, "valence": 0.25, "arousal": -0.5, "confidence": 1.0}

    with_session(check)


def test_controls_do_what_they_say() -> None:
    def check(session: Session) -> None:
        def say(**message: object) -> messages.Json:
            return messages.answer(session, json.dumps(message))

        assert say(type="volume", value=0.25) == {"type": "ok", "to": "volume"}
        assert session.music.volume == 0.25
        assert say(type="mute", value=True) == {"type": "ok", "to": "mute"} and session.music.muted
        assert say(type="hold", value=True) == {"type": "ok", "to": "hold"} and session.mood.held
        ok = say(type="anchor", text="bright strings")
        assert ok["type"] == "ok" and ok["anchor"]["preset"] == "bright strings"
        assert session.style.text == "bright strings"
        before = session.style.seed
        assert say(type="another") == {"type": "ok", "to": "another", "seed": session.style.seed}
        assert session.style.seed != before and session.style.text == "bright strings"
        assert say(type="mute", value=False)["type"] == "ok" and not session.music.muted
        assert say(type="panic") == {"type": "ok", "to": "panic"} and session.music.muted
        ok = say(type="composer", name="high")
        assert (ok["type"], ok["composer"], ok["anchor"]["preset"]) == ("ok", "high", "bright strings")
        assert session.music.composer.name == "high"
        assert messages.anchored(session)["composer"] == "high"
        assert say(type="reactivity", value="calm")["type"] == "ok"
        assert session.mood.reactivity == "calm"

    with_session(check)


def test_what_clients_have_set_is_named_to_who_comes_later() -> None:
    def check(session: Session) -> None:
        def named_after(**message: object) -> object:
            messages.answer(session, json.dumps(message))
            return messages.hello(session, scripted.PRESETS)["set"]

        session.set_anchor("the picture's")  # which is nobody's wish
        assert named_after(type="steer", valence=0.5, arousal=0.5) == []
        assert named_after(type="volume", value=7) == [], "it was refused"
        assert named_after(type="volume", value=0.5) == ["volume"]
        assert named_after(type="panic") == ["mute", "volume"]
        assert named_after(type="duck", depth_db=6) == ["duck", "mute", "volume"]

    with_session(check)


def test_a_hand_overrides_the_picture_until_it_lets_go() -> None:
    def check(session: Session) -> None:
        def say(**message: object) -> messages.Json:
            return messages.answer(session, json.dumps(message))

        assert say(type="steer", valence=0.5, arousal=-1) == {"type": "ok", "to": "steer"}
        assert session.affect == (0.5, -1.0, 1.0)
        assert session.mood.estimate(session.time_s()) == (0.5, -1.0, 1.0)
        assert say(type="steer")["type"] == "ok"
        assert session.mood.estimate(session.time_s()) == (0.0, 0.0, 0.0)

    with_session(check)


def test_ducking_hears_only_the_chosen_voice() -> None:
    def check(session: Session) -> None:
        def say(**message: object) -> messages.Json:
            return messages.answer(session, json.dumps(message))

        heard: list[float] = []
        session.control.ducker.hear = lambda level_db, now_s: heard.append(level_db)  # type: ignore[method-assign]
        assert say(type="voice", level_db=-20) == {"type": "ok", "to": "voice"} and not heard
        assert say(type="duck", source="page") == {"type": "ok", "to": "duck"}
        assert say(type="duck", depth_db=20)["type"] == "ok"
        assert (session.control.duck_source, session.control.ducker.depth_db) == ("page", 20.0)
        say(type="voice", level_db=-20)
        session.control.hear_voice("obs", -3.0)
        assert heard == [-20.0]

    with_session(check)


@pytest.mark.parametrize(
    ("text", "to"),
    [
        ("hello", ""),
        ("[]", ""),
        ("{}", ""),
        ('{"type": 7}', ""),
        ('{"type": "dance"}', "dance"),
        ('{"type": "volume", "value": 2}', "volume"),
        ('{"type": "volume", "value": true}', "volume"),
        ('{"type": "volume", "value": NaN}', "volume"),
        ('{"type": "volume"}', "volume"),
        ('{"type": "mute", "value": 1}', "mute"),
        ('{"type": "hold", "value": "yes"}', "hold"),
        ('{"type": "steer", "valence": 0.5}', "steer"),
        ('{"type": "steer", "valence": 0.5, "arousal": 1.5}', "steer"),
        ('{"type": "steer", "valence": "0", "arousal": 0}', "steer"),
        ('{"type": "reactivity", "value": "frantic"}', "reactivity"),
        ('{"type": "reactivity"}', "reactivity"),
        ('{"type": "duck", "depth_db": -3}', "duck"),
        ('{"type": "duck", "source": "neighbor"}', "duck"),
        ('{"type": "duck", "source": ["obs"]}', "duck"),
        ('{"type": "record", "value": "on"}', "record"),
        ('{"type": "voice"}', "voice"),
        ('{"type": "voice", "level_db": 3}', "voice"),
        ('{"type": "composer"}', "composer"),
        ('{"type": "composer", "name": ["symbolic"]}', "composer"),
        ('{"type": "composer", "name": "sibelius"}', "composer"),
        ('{"type": "anchor"}', "anchor"),
        ('{"type": "anchor", "text": "  "}', "anchor"),
        (json.dumps({"type": "anchor", "text": "x" * 2001}), "anchor"),
        (json.dumps({"type": "volume", "value": 1, "pad": "x" * 20_000}), ""),
        ("[" * 9000, ""),
    ],
)
def test_bad_messages_get_an_error_and_change_nothing(text: str, to: str) -> None:
    def check(session: Session) -> None:
        error = messages.answer(session, text)
        assert error["type"] == "error" and error["to"] == to and error["detail"].endswith(".")
        assert (session.music.volume, session.music.muted, session.mood.held) == (1.0, False, False)
        assert session.style.text == "slow piano"
        assert (session.mood.reactivity, session.control.duck_source, session.control.ducker.depth_db) == (
            "balanced",
            "none",
            12.0,
        )

    with_session(check)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=10),
    lambda x: st.lists(x, max_size=3),
    max_leaves=5,
)


fields = ["type", "value", "text", "x", "valence", "arousal", "depth_db", "source", "level_db"]
kinds = ["anchor", "another", "volume", "mute", "panic", "hold", "steer", "reactivity", "duck", "voice"]


@given(st.dictionaries(st.sampled_from(fields), json_values | st.sampled_from(kinds)))
def test_any_object_is_answered(message: dict[str, object]) -> None:
    def check(session: Session) -> None:
        assert messages.answer(session, json.dumps(message))["type"] in ("ok", "error")

    with_session(check)
