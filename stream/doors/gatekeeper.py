"""Who may ask: the Host a request names and the Origin of the page it comes from.

A page on any site can reach a service on this machine through the user's browser. Two checks keep it out:
the request must call us by a name of ours (else a rebound DNS name would make a foreign page same-origin),
and a page's origin must be our own or one that was allowed.
"""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.access import hide_token
from stream.doors.problems import problem, refuse

ALLOWED_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, If-Match"
EXPOSED_HEADERS = "Location, Link, ETag, Retry-After"


class Gatekeeper:
    """ASGI middleware: refuses foreign hosts and origins, answers preflights, adds CORS headers, and takes
    tokens out of addresses before anything behind it could log them."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...], origins: tuple[str, ...]) -> None:
        """`hosts` without port ("*": any; addresses in numbers always pass, since no DNS name can pose as
        one); `origins` as browsers send them, e.g. https://example.org."""
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        hide_token(scope)
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        origin = headers.get("origin", "").lower().rstrip("/")
        refusal = self._refusal(scope, host, origin)
        if refusal is not None:
            await refuse(refusal, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(status_code=200, headers=_cors(origin, True))(scope, receive, send)
        else:

            async def with_cors(message: Message) -> None:
                if message["type"] == "http.response.start":
                    for name, value in _cors(origin, False).items():
                        MutableHeaders(scope=message)[name] = value
                await send(message)

            await self._app(scope, receive, with_cors)

    def _refusal(self, scope: Scope, host: str, origin: str) -> Response | None:
        if not self._is_ours(_without_port(host)):
            return problem(403, "This host name is not one of ours: start the service with it allowed.")
        ours = {f"https://{host}"}  # also when a tunnel took the TLS off before us
        if scope["scheme"] in ("http", "ws"):
            ours.add(f"http://{host}")
        if origin and origin not in ours and origin not in self._origins:
            return problem(
                403, "Pages of this origin may not use the service: start it with that origin allowed."
            )
        return None

    def _is_ours(self, name: str) -> bool:
        if "*" in self._hosts or name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _cors(origin: str, preflight: bool) -> dict[str, str]:
    headers = {"Vary": "Origin"}
    if origin:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    if preflight:
        headers["Allow"] = ALLOWED_METHODS
        headers["Accept-Post"] = "application/sdp"
        headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        headers["Access-Control-Max-Age"] = "600"
    return headers
