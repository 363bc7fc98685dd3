"""What WHIP and WHEP share: an endpoint that reads offers within limits, and the resources they make."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream.access import Right, rights_of
from stream.errors import Refused
from stream.session.peers import SessionPeers
from stream.session.session import Session
from stream.session.sessions import DEFAULT_NAME, Sessions
from stream.webrtc.peer import Peer
from stream.webrtc.sdp import MAX_SDP_BYTES

SDP = "application/sdp"
TRICKLE = "application/trickle-ice-sdpfrag"
BODY_TIMEOUT_S = 10.0

FindPeer = Callable[[SessionPeers, str], Peer | None]
Endpoint = Callable[[Request], Awaitable[Response]]


def door(
    kind: str, right: Right, require: Callable[[Request], None], on_offer: Endpoint, find: FindPeer
) -> list[Route]:
    """The routes of `/{kind}`: an endpoint whose offers are `on_offer`'s, and the resources they make.

    `on_offer` asks for `right` itself, as it may have to note that it was missing; elsewhere `require` does.
    """

    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _endpoint_options(request, right in rights_of(request))
        return await on_offer(request) if request.method == "POST" else Response(status_code=204)

    async def resource(request: Request) -> Response:
        if request.method != "OPTIONS":
            require(request)
        return await _on_resource(request, find)

    return [
        Route(f"/{kind}", endpoint, methods=["GET", "OPTIONS", "POST"]),
        Route(f"/{kind}/{{session}}", endpoint, methods=["GET", "OPTIONS", "POST"]),
        Route(f"/{kind}/{{session}}/{{peer}}", resource, methods=["GET", "OPTIONS", "PATCH", "DELETE"]),
    ]


def sessions_of(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def session_name(request: Request) -> str:
    name: str = request.path_params.get("session", DEFAULT_NAME)
    return name


async def read_body(request: Request, content_type: str) -> str:
    """Raises Refused: 415 another content type, 413 over 64 KiB, 408 too slow, 400 not UTF-8."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        raise Refused(415, f"Send this with Content-Type: {content_type}.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_SDP_BYTES:
                    raise Refused(413, f"The body is too large: at most {MAX_SDP_BYTES} bytes.")
        return body.decode("utf-8")
    except TimeoutError as error:
        raise Refused(408, f"The body took too long: send it within {BODY_TIMEOUT_S:.0f} s.") from error
    except UnicodeDecodeError as error:
        raise Refused(400, "The body is not UTF-8 text.") from error


def ice_links(request: Request, response: Response) -> Response:
    """`response` with one Link header per ICE server (RFC 9725, 4.6)."""
    for server in sessions_of(request).services.settings.ice_servers:
        response.headers.append("Link", server.link)
    return response


def _endpoint_options(request: Request, allowed: bool) -> Response:
    """What an endpoint takes; `allowed` peers are told the ICE servers too, for stacks that need them before
    they offer (RFC 9725, 4.6)."""
    response = Response(status_code=200, headers={"Allow": "GET, OPTIONS, POST", "Accept-Post": SDP})
    return ice_links(request, response) if allowed else response


async def answered(request: Request, kind: str, session: Session, peer: Peer, answer: str) -> Response:
    """To who has hung up, nothing; to all others 201 with the answer."""
    if await _let_go_if_hung_up(request, session, peer):
        return unread()
    return _created(request, kind, session, peer, answer)


async def _let_go_if_hung_up(request: Request, session: Session, peer: Peer) -> bool:
    """Whether who asked has hung up meanwhile; then its `peer` is removed: a page that was closed or loaded
    again would find its place taken."""
    if not await request.is_disconnected():
        return False
    await session.peers.remove(peer)
    return True


def unread() -> Response:
    """For who has hung up: something has to be returned."""
    return Response(status_code=204)


def _created(request: Request, kind: str, session: Session, peer: Peer, answer: str) -> Response:
    """201 with the answer; the resource's address has no query (OBS cannot follow one)."""
    location = f"/{kind}/{session.name}/{peer.id}"
    response = Response(answer, 201, headers={"Location": location, "ETag": peer.etag}, media_type=SDP)
    return ice_links(request, response)


async def _on_resource(request: Request, find: FindPeer) -> Response:
    """DELETE frees the peer (200: OBS takes nothing else), PATCH trickles, GET and HEAD are empty.

    A tag on DELETE means nothing, and a trickle's answer carries none (RFC 9725, 4.3).

    Raises Refused: 404 no such resource, 428 no entity tag, 412 another one, and what `read_body` and
    `Peer.trickle` raise.
    """
    if request.method == "OPTIONS":
        allow = "DELETE, GET, OPTIONS, PATCH"
        return Response(status_code=200, headers={"Allow": allow, "Accept-Patch": TRICKLE})
    session = sessions_of(request).get(session_name(request))
    peer = find(session.peers, request.path_params["peer"]) if session is not None else None
    if session is None or peer is None:
        raise Refused(404, "There is no such resource: it has been deleted, or its peer has gone.")
    if request.method == "DELETE":
        await session.peers.remove(peer)
        return Response(status_code=200)
    if request.method == "PATCH":
        fragment = await read_body(request, TRICKLE)
        tag = request.headers.get("if-match", "")
        if not tag:
            raise Refused(428, "Send If-Match with the ETag that came with the answer.")
        if tag not in ("*", peer.etag):
            raise Refused(412, "If-Match does not name this ICE session: use the ETag of the answer.")
        await peer.trickle(fragment)
    return Response(status_code=204)
