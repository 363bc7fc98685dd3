"""The two pages and their scripts and styles, with a policy that lets nothing else in."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from stream.access import require_watch
from stream.doors.signalling import sessions_of
from stream.errors import Refused

_PAGES = Path(__file__).parents[1] / "pages"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_FILE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self' ws: wss:; media-src 'self' blob: mediastream:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


async def page(name: str) -> Response:
    """Raises Refused 404."""
    path = _PAGES / name
    media_type = _TYPES.get(path.suffix)
    if _FILE.fullmatch(name) is None or media_type is None or not path.is_file():
        raise Refused(404, "There is no such page.")
    return FileResponse(path, media_type=media_type, headers=_HEADERS)


async def studio(request: Request) -> Response:
    return await page("index.html")


async def source(request: Request) -> Response:
    return await page("source.html")


async def file(request: Request) -> Response:
    return await page(request.path_params["file"])


async def presets(request: Request) -> Response:
    require_watch(request)
    services = sessions_of(request).services
    return JSONResponse({"presets": list(services.presets), "default": services.default_anchor})


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "sessions": len(sessions_of(request))})


routes = [
    Route("/", studio),
    Route("/source", source),
    Route("/pages/{file}", file),
    Route("/api/presets", presets),
    Route("/healthz", health),
]
