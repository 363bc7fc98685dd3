"""Errors over HTTP, as RFC 9457 problem details."""

from __future__ import annotations

import http
import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stream.errors import Refused
from stream.stages import REFUSED


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """`detail` is a sentence that says what to do."""
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return Response(json.dumps(body), status, headers=headers, media_type="application/problem+json")


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """For middleware: end here with `response`. A WebSocket's handshake is answered with it."""
    if scope["type"] == "http":
        await response(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await response({**scope, "type": "websocket"}, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})


async def on_refused(request: Request, error: Exception) -> Response:
    """Starlette exception handler for `Refused`."""
    assert isinstance(error, Refused)
    REFUSED.labels(str(error.status)).inc()
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="narrascore"'
    elif error.status == 403:
        headers["WWW-Authenticate"] = 'Bearer realm="narrascore", error="insufficient_scope"'
    return problem(error.status, error.detail, headers)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Starlette exception handler for its own errors: unknown route, wrong method."""
    assert isinstance(error, HTTPException)
    details = {
        404: "There is nothing here: the routes are listed in docs/protocol.md.",
        405: "This resource does not take that method.",
    }
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, details.get(error.status_code, error.detail), headers)


async def on_fault(request: Request, error: Exception) -> Response:
    """Starlette exception handler for what should not happen; Starlette logs it."""
    return problem(500, "The server made a mistake: its log says more.")
