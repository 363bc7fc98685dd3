"""The protocol's messages: what is said is understood, what is not in it is refused, the page is complete."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.remote import credit, line, messages, served, server
from composer.remote.messages import KINDS, BadMessage, Message, decode, encode

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## A composer elsewhere")[1]
ROWS = re.findall(r"^\| (client|composer) \| `(\{.*?\})` \|", SECTION, re.MULTILINE)

EXAMPLES: list[Message] = [
    messages.Hello(1),
    messages.Welcome(1, "x", "symbolic", "free", 48_000, 2, 0),
    messages.Prime("slow piano", 2**31),
    messages.Primed(),
    messages.Steer(0.5, -1.0, 480),
    messages.Accent(7),
    messages.Render(9600),
    messages.GetState(),
    messages.State(5),
    messages.Restore(1, True, 2),
    messages.Restored(),
    messages.GetPlaying(),
    messages.Playing({"style": "x", "tempo": 60.5}),
    messages.Notes([["note", 0, "vibes@lead", 72, 0.5]]),
    messages.Error("busy", "Later."),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_what_is_said_is_understood(message: Message) -> None:
    assert decode(encode(message)) == message


def test_every_kind_has_an_example_here() -> None:
    assert {type(one) for one in EXAMPLES} == set(KINDS.values())


def test_every_message_is_documented_with_its_fields() -> None:
    documented = {json.loads(row)["type"]: set(json.loads(row)) - {"type"} for _, row in ROWS}
    assert documented == {name: set(kind._fields) for name, kind in KINDS.items()}
    for _, row in ROWS:
        decode(row)


def test_who_says_what_is_as_documented() -> None:
    said = {json.loads(row)["type"]: who for who, row in ROWS}
    asked = {name for name, kind in KINDS.items() if kind in messages.Asked.__args__}
    assert {name for name, who in said.items() if who == "client"} == asked


def test_every_kind_of_error_and_every_limit_is_documented() -> None:
    code = "".join(Path(str(module.__file__)).read_text(encoding="utf-8") for module in (served, server))
    kinds = set(re.findall(r"(?:Error|_refuse)\(\s*\"(\w+)\"", code))
    listed = re.search(r"`kind` is (.*?);", SECTION)
    assert listed is not None and set(re.findall(r"`(\w+)`", listed[1])) == kinds
    for words in (
        f"at most {messages.MAX_CREDIT_SAMPLES:,} samples more",
        f"at\nmost {served.BLOCK_SAMPLES} samples",
        f"at most {messages.MAX_STATE_BYTES >> 20} MiB",
        f"More than {server.MAX_CONNECTIONS} connections",
        f"ping every {server.HEARTBEAT_S:.0f} s and take {server.DEAF_S:.0f} s",
        f"connect for up to {line.PATIENCE_S:.0f} s",
        f"from 10 to {credit.MAX_AHEAD_SAMPLES // 48} ms",
    ):
        assert words in SECTION, words
    assert (server.HEARTBEAT_S, server.DEAF_S) == (line.HEARTBEAT_S, line.DEAF_S)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "[]",
        "{}",
        '{"type": 3}',
        '{"type": "dance"}',
        '{"type": "hello"}',
        '{"type": "hello", "protocol": true}',
        '{"type": "hello", "protocol": 1.5}',
        '{"type": "prime", "anchor": 3, "seed": 1}',
        '{"type": "steer", "valence": NaN, "arousal": 0, "at_sample": 0}',
        '{"type": "steer", "valence": 0, "arousal": Infinity, "at_sample": 0}',
        '{"type": "render", "until_sample": 99999999999999999999999}',
        '{"type": "playing", "words": {"style": null}}',
        '{"type": "playing", "words": []}',
        "[" * 9000,
    ],
)
def test_what_is_not_in_the_protocol_is_refused(text: str) -> None:
    with pytest.raises(BadMessage, match=r"\.$"):
        decode(text)


def test_what_a_later_version_may_add_is_passed_over() -> None:
    assert decode('{"type": "primed", "bars": 4}') == messages.Primed()


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda x: st.lists(x, max_size=2) | st.dictionaries(st.text(max_size=3), x, max_size=2),
    max_leaves=4,
)
names = sorted({field for kind in KINDS.values() for field in kind._fields})


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(names), json_values))
def test_any_object_is_understood_or_refused(kind: str, fields: dict[str, Any]) -> None:
    with contextlib.suppress(BadMessage):
        assert type(decode(json.dumps({"type": kind, **fields}))) is KINDS[kind]
