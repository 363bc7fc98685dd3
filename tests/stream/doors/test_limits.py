"""Limits on what one client may send or hold, over plain sockets where a client library is too polite."""

from __future__ import annotations

import collections
import socket
import time
import urllib.parse
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from stream.doors import server, signalling
from stream.doors.messages import MAX_MESSAGE_BYTES
from stream.settings import Settings
from tests.stream.offers import OBS_OFFER, listen_offer
from tests.stream.served import Client, served

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    settings = Settings(port=0, warm_composers=0, max_listeners=1, signalling_burst=10_000)
    with served(settings) as client:
        yield client


def raw(client: Client, *parts: bytes, wait_s: float = 20.0) -> bytes:
    """The first of what the service says to these bytes, until it closes or `wait_s` are over."""
    host, port = urllib.parse.urlsplit(client.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=wait_s) as connection:
        for part in parts:
            connection.sendall(part)
        return connection.recv(4096)


def test_headers_are_limited(client: Client) -> None:
    start = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    assert raw(client, start, b"X-Long: " + b"x" * 4_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    reply = raw(client, start, b"X-Long: " + b"x" * (server.MAX_HEADER_BYTES + 4096))
    assert reply.startswith(b"HTTP/1.1 4")


def test_a_body_that_never_comes_is_given_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signalling, "BODY_TIMEOUT_S", 0.2)
    head = (
        b"POST /whip HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n"
        b"Content-Length: 100\r\n\r\n"
    )
    assert raw(client, head, b"v=0").startswith(b"HTTP/1.1 408")


def test_a_body_without_an_end_is_refused_before_it_is_read(client: Client) -> None:
    head = (
        b"POST /whip HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/sdp\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"4000\r\n" + b"v" * 0x4000 + b"\r\n"
    assert raw(client, head, *[chunk] * 5).startswith(b"HTTP/1.1 413")


def test_listeners_are_limited(client: Client) -> None:
    first = client.send("POST", "/whep/full", SDP, listen_offer())
    assert first.status == 201
    second = client.send("POST", "/whep/full", SDP, listen_offer())
    assert second.status == 503 and int(second.headers["retry-after"]) > 0
    assert client.send("DELETE", first.headers["location"]).status == 200
    third = client.send("POST", "/whep/full", SDP, listen_offer())
    assert third.status == 201
    assert client.send("DELETE", third.headers["location"]).status == 200


def test_messages_are_limited(client: Client) -> None:
    with connect(client.ws + "/ws/live", max_size=None) as page:
        page.send("x" * (MAX_MESSAGE_BYTES * 4 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            collections.deque(page, maxlen=0)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def test_pages_and_sockets_stop_before_descriptors_do(client: Client) -> None:
    host, port = urllib.parse.urlsplit(client.url).netloc.split(":")
    held: list[socket.socket] = []
    try:
        held.extend(socket.create_connection((host, int(port))) for _ in range(server.MAX_CONNECTIONS + 4))
        limit_s = time.monotonic() + 10
        while (reply := client.send("GET", "/healthz")).status != 503 and time.monotonic() < limit_s:
            pass
        assert reply.status == 503
    finally:
        for connection in held:
            connection.close()
    limit_s = time.monotonic() + 10
    while client.send("GET", "/healthz").status != 200 and time.monotonic() < limit_s:
        pass
    assert client.send("GET", "/healthz").status == 200


def test_a_resource_cannot_be_guessed_nor_taken_by_a_name(client: Client) -> None:
    reply = client.send("POST", "/whip/mine", SDP, OBS_OFFER)
    identity = reply.headers["location"].rsplit("/", 1)[1]
    assert len(identity) >= 16
    for wrong in (f"/whip/other/{identity}", f"/whep/mine/{identity}", f"/whip/mine/{identity[:-1]}"):
        assert client.send("DELETE", wrong).status == 404
    assert client.send("DELETE", reply.headers["location"]).status == 200
