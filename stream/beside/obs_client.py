"""One connection to obs-websocket: requests and their responses, events as they come."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from types import TracebackType

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from stream.beside.obs_protocol import (
    AUTHENTICATION_FAILED,
    KICKED,
    BadObsMessage,
    Json,
    Op,
    identify,
    needs_password,
    parsed,
    request,
)
from stream.errors import StreamError

OPEN_TIMEOUT_S = 5.0
RESPONSE_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
"""How long an OBS that hangs may take to say goodbye."""
MAX_MESSAGE_BYTES = 4 << 20


class ObsUnavailable(StreamError):
    """No connection, or no longer one; the message says what to do in OBS."""


class ObsRefused(StreamError):
    """OBS answered that a request cannot be done."""


class ObsClient:
    """An async context manager. Inside it somebody awaits `run`, which reads what comes."""

    def __init__(self, url: str, password: str, on_event: Callable[[str, Json], None]) -> None:
        """`on_event(kind, data)` is called for every event, on the event loop."""
        self._url = url
        self._password = password
        self._on_event = on_event
        self._socket: ClientConnection | None = None
        self._numbers = itertools.count(1)
        self._pending: dict[str, asyncio.Future[Json]] = {}

    async def __aenter__(self) -> ObsClient:
        """Connects and identifies. Raises ObsUnavailable."""
        try:
            self._socket = await connect(
                self._url,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                max_size=MAX_MESSAGE_BYTES,
                proxy=None,  # OBS is on this machine or beside it, whatever the environment says
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise ObsUnavailable(
                "OBS does not answer: open it, then Tools, WebSocket Server Settings, Enable."
            ) from error
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._identify(self._socket)
        except TimeoutError as error:  # inside the block it is a cancellation
            await self._socket.close()
            raise ObsUnavailable("OBS does not finish connecting: start it again.") from error
        except BaseException:
            await self._socket.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        self._give_up("The connection to OBS was closed.")

    async def _identify(self, socket: ClientConnection) -> None:
        try:
            op, hello = parsed(await socket.recv())
            if op != Op.HELLO:
                raise BadObsMessage("the server does not speak obs-websocket 5")
            if needs_password(hello) and not self._password:
                raise ObsUnavailable(
                    "OBS asks for a password: give it in NARRASCORE_OBS_PASSWORD or with --obs-password "
                    "(in OBS: Tools, WebSocket Server Settings, Show Connect Info)."
                )
            await socket.send(identify(hello, self._password))
            op, _ = parsed(await socket.recv())
        except ConnectionClosed as error:
            raise _closed(error) from error
        except BadObsMessage as error:
            raise ObsUnavailable(f"This is not OBS ({error}): check the address given with --obs.") from error
        if op != Op.IDENTIFIED:
            raise ObsUnavailable("OBS and this service speak different versions: use OBS 28 or newer.")

    async def run(self) -> None:
        """Read until the connection ends. Raises ObsUnavailable then."""
        assert self._socket is not None
        try:
            while True:
                op, data = parsed(await self._socket.recv())
                if op == Op.EVENT:
                    self._on_event(str(data.get("eventType")), data.get("eventData") or {})
                elif op == Op.RESPONSE:
                    pending = self._pending.pop(str(data.get("requestId")), None)
                    if pending is not None and not pending.done():
                        pending.set_result(data)
        except ConnectionClosed as error:
            raise _closed(error) from error
        except BadObsMessage as error:
            raise ObsUnavailable(f"OBS said something strange ({error}).") from error
        finally:
            self._give_up("The connection to OBS was lost.")

    def _give_up(self, reason: str) -> None:
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(ObsUnavailable(reason))

    async def request(self, kind: str, data: Json | None = None) -> Json:
        """Its response's data. Raises ObsRefused, and ObsUnavailable when none comes."""
        assert self._socket is not None
        number = str(next(self._numbers))
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            await self._socket.send(request(kind, number, data))
            async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                response = await future
        except ConnectionClosed as error:
            raise _closed(error) from error
        except TimeoutError as error:
            raise ObsUnavailable("OBS is connected but does not answer: it may be busy or hung.") from error
        finally:
            self._pending.pop(number, None)
        status = response.get("requestStatus") or {}
        if not status.get("result"):
            raise ObsRefused(f"{kind}: {status.get('comment') or status.get('code')}")
        body: Json = response.get("responseData") or {}
        return body


def _closed(error: ConnectionClosed) -> ObsUnavailable:
    code = error.rcvd.code if error.rcvd is not None else 0
    if code == AUTHENTICATION_FAILED:
        return ObsUnavailable(
            "OBS refuses the password: copy it from Tools, WebSocket Server Settings, Show Connect Info."
        )
    if code == KICKED:
        return ObsUnavailable("OBS has ended this session: it was kicked in its WebSocket settings.")
    return ObsUnavailable("The connection to OBS was lost.")
