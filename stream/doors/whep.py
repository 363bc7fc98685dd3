"""Listening: WHEP (draft-ietf-wish-whep)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from stream.access import Right, require_listen
from stream.doors.signalling import SDP, answered, door, read_body, session_name, sessions_of
from stream.session.peers import SessionPeers
from stream.webrtc.sdp import check_listen


async def listen(request: Request) -> Response:
    """An offer for audio; 201 and our answer, which holds our candidates."""
    require_listen(request)
    # Checked first: an offer that cannot be taken begins no session.
    offer = check_listen(await read_body(request, SDP))
    session = sessions_of(request).get_or_begin(session_name(request))
    peer, answer = await session.peers.add_listener(offer)
    return await answered(request, "whep", session, peer, answer)


routes = door("whep", Right.LISTEN, require_listen, listen, SessionPeers.listener)
