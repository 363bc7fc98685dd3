from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import Refused
from stream.webrtc.trickle import MAX_CANDIDATES, candidates_of

HEAD = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\n"
HOST = "a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host\r\n"


def test_candidates_know_their_media() -> None:
    fragment = (
        HEAD + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n" + HOST + "m=video 9 RTP/AVP 0\r\na=mid:1\r\n" + HOST
    )
    found = candidates_of(fragment, "abcd")
    assert [(c.ip, c.port, c.sdpMid, c.sdpMLineIndex) for c in found] == [
        ("192.0.2.1", 50000, "0", 0),
        ("192.0.2.1", 50000, "1", 1),
    ]


def test_what_is_of_no_use_is_left_out() -> None:
    fragment = (
        HEAD
        + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        + "a=candidate:1 1 tcp 2130706431 192.0.2.1 9 typ host tcptype active\r\n"
        + "a=candidate:1 1 udp 2130706431 1b2c.local 50000 typ host\r\n"
        + "a=end-of-candidates\r\n"
    )
    assert candidates_of(fragment, "abcd") == []


def test_another_user_name_is_a_restart() -> None:
    with pytest.raises(Refused) as caught:
        candidates_of(HEAD + HOST, "wxyz")
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "fragment",
    [
        "",
        "hello",
        HEAD + "a=candidate:1 1 udp\r\n",
        HEAD + "a=candidate:1 1 udp much 192.0.2.1 50000 typ host\r\n",
        HEAD + HOST * (MAX_CANDIDATES + 1),
    ],
)
def test_malformed_is_400(fragment: str) -> None:
    with pytest.raises(Refused) as caught:
        candidates_of(fragment, "abcd")
    assert caught.value.status == 400


@given(st.text(max_size=200))
def test_any_text_is_taken_or_refused(text: str) -> None:
    for fragment in (text, HEAD + "a=candidate:" + text):
        with contextlib.suppress(Refused):
            candidates_of(fragment, "abcd")
