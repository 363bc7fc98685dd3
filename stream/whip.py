"""Publishing: WHIP (RFC 9725)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream.sdp import check_publish
from stream.session_peers import SessionPeers
from stream.signalling import SDP, bearer_token, created, on_resource, read_body, session_name, sessions_of


async def publish(request: Request) -> Response:
    """POST an offer; 201 and our answer, which holds our candidates (OBS never trickles)."""
    if request.method != "POST":
        return Response(status_code=204)
    # Checked first: an offer that cannot be taken begins no session.
    offer = check_publish(await read_body(request, SDP))
    session = sessions_of(request).get_or_begin(session_name(request))
    peer, answer = await session.peers.add_publisher(offer, bearer_token(request))
    return created("whip", session, peer, answer)


async def resource(request: Request) -> Response:
    return await on_resource(request, SessionPeers.publisher)


routes = [
    Route("/whip", publish, methods=["GET", "POST"]),
    Route("/whip/{session}", publish, methods=["GET", "POST"]),
    Route("/whip/{session}/{peer}", resource, methods=["GET", "PATCH", "DELETE"]),
]
