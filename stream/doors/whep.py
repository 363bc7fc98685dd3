"""Listening: WHEP (draft-ietf-wish-whep)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream.access import Right, require_listen, rights_of
from stream.doors.signalling import (
    SDP,
    created,
    endpoint_options,
    on_resource,
    read_body,
    session_name,
    sessions_of,
)
from stream.session.peers import SessionPeers
from stream.webrtc.sdp import check_listen


async def listen(request: Request) -> Response:
    """POST an offer for audio; 201 and our answer, which holds our candidates."""
    if request.method == "OPTIONS":
        return endpoint_options(request, Right.LISTEN in rights_of(request))
    if request.method != "POST":
        return Response(status_code=204)
    require_listen(request)
    # Checked first: an offer that cannot be taken begins no session.
    offer = check_listen(await read_body(request, SDP))
    session = sessions_of(request).get_or_begin(session_name(request))
    peer, answer = await session.peers.add_listener(offer)
    return created(request, "whep", session, peer, answer)


async def resource(request: Request) -> Response:
    if request.method != "OPTIONS":
        require_listen(request)
    return await on_resource(request, SessionPeers.listener)


routes = [
    Route("/whep", listen, methods=["GET", "OPTIONS", "POST"]),
    Route("/whep/{session}", listen, methods=["GET", "OPTIONS", "POST"]),
    Route("/whep/{session}/{peer}", resource, methods=["GET", "OPTIONS", "PATCH", "DELETE"]),
]
