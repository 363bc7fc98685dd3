"""Running the application: in the foreground until a signal, or inside another program."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeGuard

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from stream.doors.listener_socket import ListenerSocket
from stream.doors.messages import MAX_MESSAGE_BYTES
from stream.errors import StreamError
from stream.session.sessions import Sessions
from stream.settings import Settings

GRACE_S = 2
"""How long open requests may take to finish when the server stops."""
SEND_BUFFER_BYTES = 64 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_CONNECTIONS = 256
"""Over HTTP, sockets included; more are answered 503, so that media keep their file descriptors."""


class CannotListen(StreamError):
    """The address is taken or not ours; the message says what to do."""


class BadCertificate(StreamError):
    """TLS was asked for with files that cannot be used; the message says what to do."""


class _Server(uvicorn.Server):
    """Ends cleanly on signals: uvicorn raises them again afterwards, and the exit code would be theirs."""

    def __init__(self, app: Starlette, config: uvicorn.Config, own_signals: bool) -> None:
        super().__init__(config)
        self._application = app
        self._own_signals = own_signals

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # The application hears of the end only when every request is over, and some never are.
        sessions: Sessions | None = getattr(self._application.state, "sessions", None)
        if sessions is not None:
            sessions.end_outlets()
        for connection in self.server_state.connections:
            if _has_said_goodbye(connection):
                connection.close_sent = True
        await super().shutdown(sockets)

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


def _has_said_goodbye(connection: object) -> TypeGuard[WebSocketsSansIOProtocol]:
    """A WebSocket whose other end closes it and has not hung up. uvicorn answers that, does not note it, and
    would say goodbye again at the end: that raises, and nobody tells the application of the end."""
    return (
        isinstance(connection, WebSocketsSansIOProtocol)
        and connection.handshake_complete
        and connection.conn.state is not State.OPEN
    )


def _server(app: Starlette, settings: Settings, own_signals: bool) -> _Server:
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=4 * MAX_MESSAGE_BYTES,
        ws_max_queue=4,
        lifespan="on",
        log_config=None,
        # Below INFO, headers are written down, and tokens with them.
        log_level=max(logging.getLogger().getEffectiveLevel(), logging.INFO),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        http="h11",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        limit_concurrency=MAX_CONNECTIONS,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    config.load()
    if config.ssl is not None:
        # A client that reads on one thread and writes on another, as websockets' does with CPython's ssl, may
        # lose what it writes while a ticket arrives, and both wait. Whoever stays for hours needs no ticket.
        config.ssl.num_tickets = 0
    return _Server(app, config, own_signals)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = ListenerSocket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it. The kernel would store minutes of music for a player that is on pause.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): choose another"
        ) from error
    return listener


def _check_certificate(settings: Settings) -> None:
    """Raises BadCertificate when it cannot be used: uvicorn would say so only once everything runs."""
    if settings.tls_cert is None and settings.tls_key is None:
        return
    if settings.tls_cert is None or settings.tls_key is None:
        raise BadCertificate("TLS needs a certificate and its key: give both or neither")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_cert,
            settings.tls_key,
            password="",  # never asked for at a prompt
        )
    except OSError as error:  # ssl.SSLError is one
        raise BadCertificate(
            f"the certificate {settings.tls_cert} and the key {settings.tls_key} cannot be used ({error}): "
            "give two PEM files that belong together"
        ) from error


def _base_url(listener: socket.socket, settings: Settings) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = _own_address(listener.family) or host
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _own_address(family: int) -> str:
    """The address other machines would see us by, as far as routing tells; empty without a network."""
    documentation = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((documentation, 9))  # chooses a route; nothing is sent
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return address


def run(app: Starlette, settings: Settings, announce: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; then fade, close every peer, and return.

    Raises CannotListen and BadCertificate.

    `announce` is told the base URL once the port is ours.
    """
    _check_certificate(settings)
    listener = _listen(settings)
    try:
        if announce is not None:
            announce(_base_url(listener, settings))
        _server(app, settings, own_signals=True).run(sockets=[listener])
    finally:
        listener.close()


@contextlib.asynccontextmanager
async def serving(app: Starlette, settings: Settings) -> AsyncIterator[str]:
    """The application served inside this program, for as long as the block runs; gives its base URL.

    `settings.port` may be 0: any free one. Raises CannotListen and BadCertificate.
    """
    _check_certificate(settings)
    listener = _listen(settings)
    server = _server(app, settings, own_signals=False)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise CannotListen("the server ended before it began: its log says why")
            await asyncio.sleep(0.01)
        yield _base_url(listener, settings)
    finally:
        server.should_exit = True
        await task
        listener.close()
