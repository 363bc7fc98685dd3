"""What a page may say over its WebSocket."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream.doors import messages
from stream.session.session import Session
from tests.fuzz.effort import count, fuzz
from tests.stream.doors.test_messages import with_session

KINDS = [
    "anchor",
    "another",
    "volume",
    "mute",
    "panic",
    "hold",
    "steer",
    "cut",
    "reactivity",
    "duck",
    "voice",
    "x",
]
KEYS = ["value", "text", "valence", "arousal", "depth_db", "source", "level_db", "type"]
ODD = st.sampled_from(
    [1e400, -1e400, float("nan"), 10**400, -0.0, 2**63, "", "\0", "\ud800", "a" * 3000, [], {}]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20) | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MESSAGES = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(KINDS) | VALUES,
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4),
)


@fuzz(30)
@given(st.lists(MESSAGES.map(json.dumps) | st.text(max_size=60) | VALUES.map(json.dumps), max_size=10))
def test_every_message_is_answered_and_the_session_stays_sound(texts: list[str]) -> None:
    def check(session: Session) -> None:
        for text in texts:
            count("WebSocket")
            answer = messages.answer(session, text)
            assert answer["type"] in ("ok", "error")
            json.dumps(answer, allow_nan=False)
        told = messages.telemetry(session, [])
        json.dumps(told, allow_nan=False)
        json.dumps(messages.hello(session, ()), allow_nan=False)
        assert 0.0 <= session.music.volume <= 1.0
        assert all(-1.0 <= value <= 1.0 for value in session.affect)

    with_session(check)


def test_nesting_without_end() -> None:
    def check(session: Session) -> None:
        for text in ("[" * 10_000, '{"type":' * 2_000, "9" * 16_000, '"' + "\\u0000" * 2_000):
            assert messages.answer(session, text)["type"] == "error"

    with_session(check)
