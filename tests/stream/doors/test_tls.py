"""HTTPS with a certificate of the user's."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import ipaddress
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.sync.client import connect
from websockets.typing import Origin

from stream.doors.server import BadCertificate, run
from stream.settings import Settings
from tests.stream.served import Client, scripted_app, served


class Pair(NamedTuple):
    cert: Path
    key: Path


def write_pair(folder: Path, name: str = "own") -> Pair:
    """A self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.cert.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pair


def test_pages_and_sockets_are_served_over_tls(tmp_path: Path) -> None:
    pair = write_pair(tmp_path)
    trusting = ssl.create_default_context(cafile=str(pair.cert))
    settings = Settings(port=0, warm_composers=0, tls_cert=pair.cert, tls_key=pair.key)
    with served(settings) as client:
        assert client.url.startswith("https://127.0.0.1:")
        netloc = urllib.parse.urlsplit(client.url).netloc
        connection = http.client.HTTPSConnection(netloc, timeout=10, context=trusting)
        for origin, status in ((client.url, 415), (client.url.replace("https", "http"), 403)):
            connection.request("POST", "/whip", b"x", {"Origin": origin})
            reply = connection.getresponse()
            reply.read()
            assert reply.status == status, origin
        connection.close()
        with connect(client.ws + "/ws/live", ssl=trusting, origin=Origin(client.url)) as page:
            assert json.loads(page.recv(timeout=5))["type"] == "hello"


@contextlib.contextmanager
def greeted(client: Client, pair: Pair) -> Iterator[ssl.SSLSocket]:
    """A WebSocket by hand, on one thread, after the server's first message."""
    trusting = ssl.create_default_context(cafile=str(pair.cert))
    host, port = urllib.parse.urlsplit(client.url).netloc.split(":")
    plain = socket.create_connection((host, int(port)), timeout=10)
    with trusting.wrap_socket(plain, server_hostname=host) as wrapped:
        request = (
            f"GET /ws/live HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        wrapped.sendall(request.encode())
        heard = b""
        while b'"hello"' not in heard:
            heard += wrapped.recv(4096)
        assert heard.startswith(b"HTTP/1.1 101")
        yield wrapped


def test_no_ticket_is_sent_that_a_client_of_two_threads_would_stumble_over(tmp_path: Path) -> None:
    pair = write_pair(tmp_path)
    settings = Settings(port=0, warm_composers=0, tls_cert=pair.cert, tls_key=pair.key)
    with served(settings) as client, greeted(client, pair) as page:
        assert page.version() == "TLSv1.3"
        assert page.session is None or not page.session.has_ticket


def hang_up_after(netloc: str, page: socket.socket) -> None:
    """When nobody listens there any more."""
    host, port = netloc.split(":")
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            socket.create_connection((host, int(port)), timeout=10).close()
            time.sleep(0.02)
    page.close()


def test_a_page_that_said_goodbye_and_did_not_hang_up_does_not_spoil_the_end(tmp_path: Path) -> None:
    """uvicorn raised, and sessions and composers were not told to end."""
    pair = write_pair(tmp_path)
    settings = Settings(port=0, warm_composers=0, tls_cert=pair.cert, tls_key=pair.key)
    with ThreadPoolExecutor(1) as beside, contextlib.ExitStack() as left_open, served(settings) as client:
        page = left_open.enter_context(greeted(client, pair))
        page.sendall(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))  # close, 1000 (RFC 6455, 5.5.1)
        heard = b""
        while b"\x88\x02\x03\xe8" not in heard:
            heard += page.recv(4096)
        # The server ends first; a fault of its thread would fail the test.
        beside.submit(hang_up_after, urllib.parse.urlsplit(client.url).netloc, page)


def test_files_that_are_no_use_are_named_before_anything_starts(tmp_path: Path) -> None:
    pair, other = write_pair(tmp_path), write_pair(tmp_path, "other")
    for cert, key in (
        (pair.cert, other.key),
        (pair.key, pair.key),
        (tmp_path / "gone", pair.key),
        (pair.cert, None),
    ):
        settings = Settings(port=0, tls_cert=cert, tls_key=key)
        with pytest.raises(BadCertificate, match="give"):
            run(scripted_app(settings), settings)
