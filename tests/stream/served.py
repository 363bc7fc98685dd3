"""A real server in a background thread, and a client for it in the standard library."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from starlette.applications import Starlette

from stream.doors.app import create_app
from stream.doors.server import serving
from stream.ports import ComposerFactory
from stream.settings import Settings
from stream.webrtc.loopback import Reply, request
from tests.stream import scripted


def scripted_app(settings: Settings, composer_factory: ComposerFactory = scripted.sine_composer) -> Starlette:
    """The whole service around scripted parts."""
    return create_app(
        settings,
        sensor_factory=scripted.BrightnessSensor,
        windows=scripted.WINDOWS,
        composers=scripted.offers(composer_factory),
        presets=scripted.PRESETS,
    )


class Client(NamedTuple):
    """`url` has no trailing slash."""

    url: str

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, body: str = "") -> Reply:
        return asyncio.run(request(method, self.url + path, body, headers))

    def json(self, path: str) -> Any:
        return json.loads(self.send("GET", path).body)

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1)


@contextlib.contextmanager
def served(settings: Settings) -> Iterator[Client]:
    """Serve `scripted_app(settings)` on a free port while the block runs."""
    ready, done = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with serving(scripted_app(settings), settings) as url:
            urls.append(url)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20.0)
        yield Client(urls[0])
    finally:
        done.set()
        thread.join()
