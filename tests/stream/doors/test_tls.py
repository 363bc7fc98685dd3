"""HTTPS with a certificate of the user's."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import json
import ssl
import urllib.parse
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
from tests.stream.served import scripted_app, served


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
        with connect(client.ws + "/ws/live", ssl=trusting, origin=Origin(client.url)) as socket:
            assert json.loads(socket.recv(timeout=5))["type"] == "hello"


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
