"""Our side of the DTLS handshake, with peers whose certificate is RSA too.

aiortc offers suites for ECDSA certificates alone, which is what RFC 8827 (6.5) makes everybody have.
GStreamer (1.22) makes itself an RSA certificate all the same: its end of the handshake then finds "no shared
cipher", and no media flow. `tests/stream/webrtc/test_certificate.py` holds that aiortc still has what is used
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc import RTCCertificate, RTCPeerConnection
from aiortc.rtcdtlstransport import SRTPProtectionProfile

if TYPE_CHECKING:
    from OpenSSL import SSL

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""aiortc's, in its order, then two for RSA. Few: a long list would not fit into one packet."""


class Certificate(RTCCertificate):
    """aiortc's certificate (ECDSA, P-256), whose handshakes also offer suites for RSA."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(":".join(SUITES).encode())
        return context


def meet_rsa(connection: RTCPeerConnection) -> None:
    """Let `connection`, before it has any transport, shake hands with RSA certificates as well."""
    parts = vars(connection)
    (made,) = parts["_RTCPeerConnection__certificates"]
    parts["_RTCPeerConnection__certificates"] = [Certificate(made._key, made._cert)]
