"""ICE servers: what a user may write, what aiortc is given, and what peers are told."""

from __future__ import annotations

import asyncio
import http.client
import re
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any, cast

import pytest
from aioice import stun
from aiortc.rtcicetransport import connection_kwargs

from stream.access import Access
from stream.ice_servers import IceServer, read_ice_server
from stream.settings import Settings
from tests.stream.offers import OBS_OFFER, listen_offer
from tests.stream.served import Client, served

TOKEN = "ice-test-token-0001"


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("stun:stun.example.net", IceServer("stun:stun.example.net")),
        ("STUN:192.0.2.1:3478", IceServer("stun:192.0.2.1:3478")),
        ("turn:me:secret@turn.example.net:3478", IceServer("turn:turn.example.net:3478", "me", "secret")),
        (
            "turns:me:a%3Ab%40c:d@turn.example.net?transport=tcp",
            IceServer("turns:turn.example.net?transport=tcp", "me", "a:b@c:d"),
        ),
        (
            "turn:1700000000:me:x@y@turn.example.net",
            IceServer("turn:turn.example.net", "1700000000", "me:x@y"),
        ),
    ],
)
def test_what_a_user_may_write(text: str, server: IceServer) -> None:
    assert read_ice_server(text) == server
    assert connection_kwargs([server.for_aiortc]), "the stack cannot read it"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stun.example.net",
        "http://x",
        "turn:turn.example.net",
        "turn:me@turn.example.net",
        "stun:me:secret@stun.example.net",
        "stun:a b",
        'turn:me:secret@x>; rel="evil"',
        "turn:me:secret@host:99999999",
        "stun:stun.example.net?transport=udp",
        "stun:[2001:db8::1]:3478",
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_the_password(text: str) -> None:
    with pytest.raises(ValueError, match="server") as refused:
        read_ice_server(text)
    assert "secret" not in str(refused.value)


def test_a_password_cannot_break_out_of_its_header_nor_into_a_log() -> None:
    server = IceServer("turn:turn.example.net", 'a"b', 'x\\"; rel="evil\r\nSet-Cookie: a=b')
    assert "\r" not in server.link and "\n" not in server.link
    assert server.link.count('" ; ') == 0
    assert (
        r'username="a\"b"' in server.link and r'credential="x\\\"; rel=\"evilSet-Cookie: a=b"' in server.link
    )
    assert "evil" not in repr(server)
    assert (server.for_aiortc.urls, server.for_aiortc.username) == ("turn:turn.example.net", 'a"b')


def links(
    client: Client, method: str, path: str, body: str, headers: dict[str, str]
) -> tuple[int, list[str], str]:
    """Every Link header on its own, which a dictionary of headers would lose."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(client.url).netloc, timeout=20)
    connection.request(method, path, body.encode(), headers)
    reply = connection.getresponse()
    text = reply.read().decode()
    found = [value for name, value in reply.getheaders() if name.lower() == "link"]
    connection.close()
    return reply.status, found, text


MAPPED = ("203.0.113.5", 40_000)


class StunServer(asyncio.DatagramProtocol):
    """Tells everybody the same address, and relays for nobody."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # by duck type only

    def datagram_received(self, data: bytes, address: tuple[str | Any, int]) -> None:
        asked = stun.parse_message(data)
        binding = asked.message_method == stun.Method.BINDING
        reply = stun.Message(
            message_method=asked.message_method,
            message_class=stun.Class.RESPONSE if binding else stun.Class.ERROR,
            transaction_id=asked.transaction_id,
        )
        if binding:
            reply.attributes["XOR-MAPPED-ADDRESS"] = MAPPED
        else:
            reply.attributes["ERROR-CODE"] = (403, "Forbidden")
        self._transport.sendto(bytes(reply), address)


@pytest.fixture
def stun_port() -> Iterator[int]:
    ready, done = threading.Event(), threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(StunServer, local_addr=("127.0.0.1", 0))
        ports.append(transport.get_extra_info("sockname")[1])
        ready.set()
        await asyncio.to_thread(done.wait)
        transport.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield ports[0]
    done.set()
    thread.join()


def test_each_server_is_asked_and_told_of_to_those_who_may(stun_port: int) -> None:
    servers = (
        IceServer(f"stun:127.0.0.1:{stun_port}"),
        IceServer(f"turn:127.0.0.1:{stun_port}?transport=udp", "me", "secret"),
    )
    settings = Settings(port=0, warm_composers=0, ice_servers=servers, access=Access(full=TOKEN))
    expected = [
        f'<stun:127.0.0.1:{stun_port}>; rel="ice-server"',
        f'<turn:127.0.0.1:{stun_port}?transport=udp>; rel="ice-server"; username="me"; '
        'credential="secret"; credential-type="password"',
    ]
    allowed = {"Content-Type": "application/sdp", "Authorization": f"Bearer {TOKEN}"}
    with served(settings) as client:
        for path, offer in (("/whip", OBS_OFFER), ("/whep", listen_offer())):
            assert links(client, "OPTIONS", path, "", {})[:2] == (200, [])
            assert links(client, "OPTIONS", path, "", allowed)[:2] == (200, expected)
            stranger = {**allowed, "Authorization": "Bearer x"}
            assert links(client, "POST", path, offer, stranger)[:2] == (401, [])
            status, told, answer = links(client, "POST", path, offer, allowed)
            assert (status, told) == (201, expected)
            # In the answer: what the STUN server says our address is.
            assert re.search(rf"^a=candidate:.* {MAPPED[0]} {MAPPED[1]} typ srflx", answer, re.MULTILINE)
            preflight = {"Origin": client.url, "Access-Control-Request-Method": "POST"}
            assert links(client, "OPTIONS", path, "", {**allowed, **preflight})[:2] == (200, [])
