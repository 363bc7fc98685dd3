"""The composer's end on a socket: who may come in, one piece at a time, on one thread that owns the composer.

Each connection has a thread of its own that reads, has the composer's thread obey, and writes. A client that
does not read holds up nobody but itself: what may wait for it is what it asked for, a second at most.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from composer.remote.messages import (
    MAX_FRAME_BYTES,
    BadMessage,
    Error,
    Message,
    Prime,
    Restore,
    Told,
    decode,
    encode,
)
from composer.remote.served import Hangup, Instrument, Served

log = logging.getLogger(__name__)

HEARTBEAT_S = 2.0
DEAF_S = 4.0
"""Without an answer to a ping for so long, the other end is taken for gone."""
MAX_CONNECTIONS = 8
"""One plays, others may ask what there is."""
POLICY, GOING_AWAY, TRY_AGAIN = 1008, 1001, 1013
_BEARER = "bearer "


class ComposerServer:
    """Serves one instrument until `close`.

    `open_instrument` is called on the composer's thread, once, before anybody is let in; it may take long.
    `begin_thread` is called there first. With a `token`, whoever does not bear it is refused with 401. A
    browser says where its page comes from (`Origin`); whoever does is refused, so that no page can reach us.
    """

    def __init__(
        self,
        open_instrument: Callable[[], Instrument],
        host: str,
        port: int,
        *,
        token: str = "",
        tls: ssl.SSLContext | None = None,
        begin_thread: Callable[[], None] = lambda: None,
    ) -> None:
        """Raises what `open_instrument` raises, and OSError when the address cannot be listened on."""
        self._token = token
        self._owner = ThreadPoolExecutor(1, "composer", begin_thread)
        self._taken = threading.Lock()
        self._connections: set[ServerConnection] = set()
        try:
            self.instrument = self._owner.submit(open_instrument).result()
            self._server = serve(
                self._converse,
                host,
                port,
                ssl=tls,
                origins=[None],
                process_request=self._admit,
                compression=None,
                server_header=None,
                max_size=MAX_FRAME_BYTES,
                ping_interval=HEARTBEAT_S,
                ping_timeout=DEAF_S,
                close_timeout=1.0,
            )
        except BaseException:
            self._owner.shutdown()
            raise
        self.port: int = self._server.socket.getsockname()[1]

    def run(self) -> None:
        """Let clients in until `close` is called from another thread."""
        self._server.serve_forever()

    def close(self) -> None:
        """Say goodbye to whoever is there and stop. Not before `run` has begun. Idempotent."""
        for connection in list(self._connections):
            connection.close(GOING_AWAY, "The composer is being stopped.")
        self._server.shutdown()
        self._owner.shutdown()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if len(self._connections) >= MAX_CONNECTIONS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Too many clients are connected.\n")
        if not self._token:
            return None
        given = request.headers.get("Authorization", "")
        token = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
        # Hashed first, so that it takes as long for a right token as for a wrong one.
        right, said = (hashlib.sha256(text.encode()).digest() for text in (self._token, token))
        if hmac.compare_digest(right, said):
            return None
        response = connection.respond(HTTPStatus.UNAUTHORIZED, "This composer wants its token.\n")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def _converse(self, connection: ServerConnection) -> None:
        """One client, on its own thread."""
        self._connections.add(connection)
        served = Served(self.instrument)
        holds = False
        try:
            for frame in connection:
                message = decode(frame) if isinstance(frame, str) else frame
                if isinstance(message, Prime | Restore) and not holds:
                    holds = self._taken.acquire(blocking=False)
                    if not holds:
                        busy = "This composer is playing for somebody else: it plays one piece at a time."
                        connection.send(encode(Error("busy", busy)))
                        connection.close(TRY_AGAIN, busy)
                        return
                self._answer(connection, served, message)
        except BadMessage as error:
            self._hang_up(connection, Error("message", str(error)))
        except Hangup as reason:
            connection.close(POLICY, _short(str(reason)))
        except ConnectionClosed:
            pass  # it said goodbye, or it is gone: both are all right
        except Exception as error:
            # Whatever the composer raised ends this piece only; its client needs to know why.
            log.warning("the composer failed", exc_info=True)
            self._hang_up(connection, Error("fault", f"{type(error).__name__}: {error}"))
        finally:
            if holds:
                self._owner.submit(served.close).result()
                self._taken.release()
            self._connections.discard(connection)

    def _answer(self, connection: ServerConnection, served: Served, message: Message | bytes) -> None:
        answers = served.hear(message)
        while (answer := self._owner.submit(_next, answers).result()) is not None:
            connection.send(answer if isinstance(answer, bytes) else encode(answer))

    def _hang_up(self, connection: ServerConnection, error: Error) -> None:
        try:
            connection.send(encode(error))
        except ConnectionClosed:
            return
        connection.close(POLICY, _short(error.detail))


def _next(answers: Iterator[Told | bytes]) -> Told | bytes | None:
    return next(answers, None)


def _short(reason: str) -> str:
    """As much as fits into a close frame."""
    return reason.encode(errors="replace")[:120].decode(errors="ignore")
