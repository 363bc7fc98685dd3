"""Publishing: WHIP (RFC 9725)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from stream.access import Right, require_publish, token_of
from stream.doors.signalling import (
    SDP,
    answered,
    door,
    read_body,
    session_name,
    sessions_of,
    unread,
)
from stream.errors import HungUp, Refused
from stream.session.peers import SessionPeers
from stream.webrtc.sdp import check_publish


async def publish(request: Request) -> Response:
    """An offer; 201 and our answer, which holds our candidates (OBS never trickles)."""
    sessions, name = sessions_of(request), session_name(request)
    try:
        require_publish(request)
        # Checked first: an offer that cannot be taken begins no session.
        offer = check_publish(await read_body(request, SDP))
        session = sessions.get_or_begin(name)
        # Programs come back with the same token after a drop. A page lets go of its own old connection; two
        # pages with one token would take the session from each other for ever.
        token = "" if "origin" in request.headers else token_of(request)
        peer, answer = await session.peers.add_publisher(offer, token, request.is_disconnected)
    except HungUp:
        return unread()
    except Refused as refused:
        # OBS shows its user nothing of this: the studio page has to.
        sessions.note_refusal(name, refused.detail)
        raise
    sessions.refusals.forget(name)
    return await answered(request, "whip", session, peer, answer)


async def to_endpoint(request: Request) -> Response:
    """307 for an offer sent to the bare address of the service, which is what people paste into OBS."""
    return RedirectResponse("/whip", 307)


routes = [
    Route("/", to_endpoint, methods=["POST"]),
    *door("whip", Right.PUBLISH, require_publish, publish, SessionPeers.publisher),
]
