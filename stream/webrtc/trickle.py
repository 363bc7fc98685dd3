"""Trickled ICE candidates (RFC 8840 fragments), as far as WHIP and WHEP need them. Pure."""

from __future__ import annotations

import ipaddress

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

from stream.errors import Refused
from stream.webrtc.sdp import ice_ufrag

MAX_CANDIDATES = 64


def candidates_of(fragment: str, remote_ufrag: str) -> list[RTCIceCandidate]:
    """The usable candidates in a fragment, each with the media section it belongs to.

    Players send `If-Match: *` on plain trickles too; what tells a restart is a new user name.

    Raises Refused: 400 malformed, 422 an ICE restart.
    """
    ufrag = ice_ufrag(fragment)
    if not ufrag and "a=candidate:" not in fragment and "a=end-of-candidates" not in fragment:
        raise Refused(400, "The body is no trickle fragment: it holds neither a=ice-ufrag nor a=candidate.")
    if ufrag and ufrag != remote_ufrag:
        raise Refused(422, "ICE restarts are not supported: DELETE this resource and POST a new offer.")
    candidates: list[RTCIceCandidate] = []
    section, mid = -1, None
    for line in fragment.splitlines():
        if line.startswith("m="):
            section, mid = section + 1, None
        elif line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:").strip()
        elif line.startswith("a=candidate:"):
            candidate = _candidate(line.removeprefix("a=candidate:"))
            if candidate is not None:
                candidate.sdpMid, candidate.sdpMLineIndex = mid, max(section, 0)
                candidates.append(candidate)
            if len(candidates) > MAX_CANDIDATES:
                raise Refused(400, f"The fragment holds more than {MAX_CANDIDATES} candidates.")
    return candidates


def _candidate(text: str) -> RTCIceCandidate | None:
    """None for one we have no use for: TCP, or a name to be looked up."""
    try:
        candidate = candidate_from_sdp(text)
        if candidate.protocol.lower() != "udp" or not 0 < candidate.port < 65536:
            return None
    except (ValueError, AssertionError) as error:
        raise Refused(400, "The fragment holds a malformed candidate.") from error
    try:
        ipaddress.ip_address(candidate.ip)
    except ValueError:
        return None
    return candidate
