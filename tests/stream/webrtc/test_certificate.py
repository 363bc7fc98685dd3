"""The DTLS handshake with certificates of both kinds."""

from __future__ import annotations

import asyncio
import datetime

import pytest
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTP_PROFILES
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from stream.webrtc.certificate import SUITES, Certificate
from stream.webrtc.peer import Peer

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def other_side(key: Key) -> SSL.Connection:
    """A peer that waits for our hello, as ours is always the active end, with a certificate for `key`."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_verify(SSL.VERIFY_PEER, lambda *args: True)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    connection = SSL.Connection(context)
    connection.set_accept_state()
    return connection


def shaken(ours: SSL.Connection, theirs: SSL.Connection) -> bool:
    """Whether both ends finish, given what the other has written for as long as there is some."""
    done: dict[SSL.Connection, bool] = {ours: False, theirs: False}
    for _ in range(20):
        for end, other in ((ours, theirs), (theirs, ours)):
            try:
                end.do_handshake()
                done[end] = True
            except SSL.WantReadError:
                pass
            except SSL.Error:
                return False
            try:
                while True:
                    other.bio_write(end.bio_read(65_536))
            except SSL.WantReadError:
                pass
        if all(done.values()):
            return True
    return False


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_a_handshake_with(kind: str) -> None:
    key: Key = ec.generate_private_key(ec.SECP256R1())
    if kind == "RSA":
        key = rsa.generate_private_key(65_537, 2048)
    ours = SSL.Connection(Certificate.generateCertificate()._create_ssl_context(SRTP_PROFILES))
    ours.set_connect_state()
    theirs = other_side(key)
    assert shaken(ours, theirs)
    assert ours.get_selected_srtp_profile() == b"SRTP_AES128_CM_SHA1_80"
    cipher = ours.get_cipher_name()
    assert cipher in SUITES and f"-{kind}-" in cipher


def test_aiortc_alone_does_not_meet_rsa() -> None:
    """When this fails the module is no longer needed."""
    ours = SSL.Connection(RTCCertificate.generateCertificate()._create_ssl_context(SRTP_PROFILES))
    ours.set_connect_state()
    assert not shaken(ours, other_side(rsa.generate_private_key(65_537, 2048)))


def test_every_peer_of_the_service_has_such_a_certificate() -> None:
    async def scenario() -> None:
        peer = Peer("live", connect_timeout_s=1.0, on_gone=lambda gone: None)
        (certificate,) = vars(peer._connection)["_RTCPeerConnection__certificates"]
        assert isinstance(certificate, Certificate)
        await peer.close()

    asyncio.run(scenario())
