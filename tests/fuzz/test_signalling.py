"""SDP, trickle fragments, and what an HTTP client may send: refused with a sentence, or answered."""

from __future__ import annotations

import asyncio
import socket
import urllib.parse
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import Refused
from stream.settings import Settings
from stream.webrtc.peer import Peer
from stream.webrtc.sdp import check_listen, check_publish, stereo_answer
from stream.webrtc.trickle import MAX_CANDIDATES, candidates_of
from tests.fuzz.damage import damaged_lines
from tests.fuzz.effort import count, fuzz
from tests.stream.offers import OBS_OFFER, listen_offer, publish_offer
from tests.stream.served import Client, served

FRAGMENT = "\r\n".join(
    [
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdef01234567",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag abcd",
        "a=candidate:3471623853 1 udp 2122194687 2001:db8::1 61765 typ srflx raddr 192.0.2.1 rport 9",
        "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
        "a=end-of-candidates",
        "",
    ]
)


def offers() -> st.SearchStrategy[str]:
    return st.sampled_from([OBS_OFFER, publish_offer(), listen_offer()]).flatmap(damaged_lines)


def expected(refused: Refused) -> None:
    assert refused.status in (400, 422) and refused.detail


@fuzz(150)
@given(offers() | st.text(max_size=200).map(lambda text: "v=0\r\n" + text) | st.text(max_size=50))
def test_sdp_is_taken_or_refused(offer: str) -> None:
    count("SDP")
    for check in (check_publish, check_listen):
        try:
            stereo_answer(check(offer))
        except Refused as refused:
            expected(refused)


@fuzz(20)
@given(offers())
def test_what_the_checks_let_through_the_stack_answers_or_we_refuse(offer: str) -> None:
    async def scenario() -> None:
        peer = Peer("fuzz", connect_timeout_s=5.0, on_gone=lambda peer: None)
        try:
            await peer.answer(check_publish(offer))
        except Refused:
            return
        finally:
            await peer.close()

    count("SDP answered")
    asyncio.run(scenario())


@fuzz(150)
@given(damaged_lines(FRAGMENT) | st.text(max_size=200))
def test_trickle_fragments_are_taken_or_refused(fragment: str) -> None:
    count("trickle")
    try:
        found = candidates_of(fragment, "abcd")
    except Refused as refused:
        expected(refused)
    else:
        assert len(found) <= MAX_CANDIDATES
        assert all(candidate.protocol.lower() == "udp" for candidate in found)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    settings = Settings(
        port=0, signalling_burst=10**6, max_sessions=1, connect_timeout_s=0.5, warm_composers=0
    )
    with served(settings) as client:
        yield client


def raw(client: Client, data: bytes) -> bytes:
    """What the server says to `data`, until it has nothing more to say or closes."""
    parts = urllib.parse.urlsplit(client.url)
    assert parts.hostname is not None and parts.port is not None
    with socket.create_connection((parts.hostname, parts.port), timeout=5.0) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
                if len(answer) > 200_000:
                    break  # the endless music is a right answer
        except ConnectionError:
            return b""
    return answer


METHODS = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "OPTIONS", "HEAD", "PUT", "TRACE", "X" * 40])
PATHS = st.sampled_from(
    [
        *("/", "/whip", "/whep/live", "/whip/live/x", "/ws/live", "/metrics", "/readyz", "/pages/../app.py"),
        *("/pages/%2e%2e%2fapp.py", "/api/presets?token=%00", "/healthz?" + "a=&" * 50, "//"),
        "/whip/" + "%ff" * 30,
    ]
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40).map(lambda text: "/" + text)
NAMES = st.sampled_from(
    [
        *(
            "Host",
            "Content-Type",
            "Content-Length",
            "Transfer-Encoding",
            "Authorization",
            "Origin",
            "If-Match",
        ),
        *("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol"),
        *("Expect", "X-Forwarded-For", "Access-Control-Request-Method", "Range", "Cookie"),
    ]
)
VALUES = st.sampled_from(
    [
        *("127.0.0.1", "application/sdp", "application/trickle-ice-sdpfrag", "chunked", "-1", "5", "", "*"),
        *("Bearer ", "Bearer \xff", "websocket", "Upgrade", "13", "bytes=0-", "bearer.x, narrascore"),
    ]
) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60)
REQUESTS = st.tuples(METHODS, PATHS, st.lists(st.tuples(NAMES, VALUES), max_size=6), st.binary(max_size=300))


@fuzz(120)
@given(REQUESTS | st.binary(min_size=1, max_size=400))
def test_http_is_answered_or_closed_and_never_a_fault(
    client: Client, sent: bytes | tuple[str, str, list[tuple[str, str]], bytes]
) -> None:
    count("HTTP")
    if isinstance(sent, bytes):
        data = sent
    else:
        method, path, headers, body = sent
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: 127.0.0.1",
            *(f"{name}: {value}" for name, value in headers),
        ]
        data = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
    answer = raw(client, data)
    status = answer[9:12]
    assert not answer or answer.startswith(b"HTTP/1.1 "), answer[:80]
    assert status != b"500", (data, answer[:400])
    assert client.send("GET", "/healthz").status == 200
