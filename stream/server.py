"""Running the application: in the foreground until a signal, or inside another program."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from stream.errors import StreamError
from stream.messages import MAX_MESSAGE_BYTES
from stream.settings import Settings

GRACE_S = 2
"""How long open requests may take to finish when the server stops."""


class CannotListen(StreamError):
    """The address is taken or not ours; the message says what to do."""


class _Server(uvicorn.Server):
    """Ends cleanly on signals: uvicorn raises them again afterwards, and the exit code would be theirs."""

    def __init__(self, config: uvicorn.Config, own_signals: bool) -> None:
        super().__init__(config)
        self._own_signals = own_signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if not self._own_signals:
            yield
            return
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _server(app: Starlette, own_signals: bool) -> _Server:
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=4 * MAX_MESSAGE_BYTES,
        ws_max_queue=4,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return _Server(config, own_signals)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): choose another"
        ) from error
    return listener


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run(app: Starlette, settings: Settings, announce: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; then fade, close every peer, and return. Raises CannotListen.

    `announce` is told the base URL once the port is ours.
    """
    listener = _listen(settings)
    try:
        if announce is not None:
            announce(_base_url(listener))
        _server(app, own_signals=True).run(sockets=[listener])
    finally:
        listener.close()


@contextlib.asynccontextmanager
async def serving(app: Starlette, settings: Settings) -> AsyncIterator[str]:
    """The application served inside this program, for as long as the block runs; gives its base URL.

    `settings.port` may be 0: any free one. Raises CannotListen.
    """
    listener = _listen(settings)
    server = _server(app, own_signals=False)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise CannotListen("the server ended before it began: its log says why")
            await asyncio.sleep(0.01)
        yield _base_url(listener)
    finally:
        server.should_exit = True
        await task
        listener.close()
