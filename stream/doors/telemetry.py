"""The WebSocket `/ws/{session}`: telemetry out at 10 Hz, controls in."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from stream.access import Right, chosen_subprotocol, require_watch, rights_of
from stream.doors import messages
from stream.errors import Refused
from stream.sensing.cuts import MAX_KEPT
from stream.session.session import Session
from stream.session.sessions import Sessions

log = logging.getLogger(__name__)

MAX_WAITING = 8
"""Telemetry and answers a slow client may be behind; then the oldest is dropped, telemetry first."""
LASTING = frozenset({"hello", "settings", "anchor"})
"""What holds until it is told anew, so of each the newest is kept, however slow the client is."""
MAX_PAGES = 16
CONTROLS_PER_S = 50.0
POLICY, TRY_AGAIN = 1008, 1013


class _Outbox:
    """Messages on their way to one client. A slow one loses telemetry, then answers, oldest first; the cuts
    that were in lost telemetry are told with the next."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._waiting: deque[messages.Json] = deque()
        self._untold_cuts: deque[float] = deque(maxlen=MAX_KEPT)
        """Older than all telemetry that waits."""
        self._any = asyncio.Event()

    def post(self, message: messages.Json) -> None:
        kind = message["type"]
        self._waiting.append(message)
        if kind in LASTING:
            older = [each for each in self._waiting if each["type"] == kind][:-1]
        else:
            passing = [each for each in self._waiting if each["type"] not in LASTING]
            # Somebody waits for an answer; another telemetry comes in a tenth of a second.
            passing.sort(key=lambda each: each["type"] != "telemetry")
            older = passing[: max(len(passing) - MAX_WAITING, 0)]
        for each in older:
            self._waiting.remove(each)
            if each["type"] == "telemetry":
                self._untold_cuts.extend(each["cuts"])
        self._any.set()

    async def deliver(self) -> None:
        while True:
            await self._any.wait()
            self._any.clear()
            while self._waiting:
                message = self._waiting.popleft()
                if message["type"] == "telemetry":
                    message["cuts"] = [*self._untold_cuts, *message["cuts"]]
                    self._untold_cuts.clear()
                await self._socket.send_text(json.dumps(message))


async def telemetry(socket: WebSocket) -> None:
    """One client, from hello to goodbye."""
    sessions: Sessions = socket.app.state.sessions
    subprotocol = chosen_subprotocol(socket)
    try:
        require_watch(socket)
        session = sessions.get_or_begin(socket.path_params["session"])
        if session.attendance.pages >= MAX_PAGES:
            raise Refused(503, "This session has as many pages open as it can serve.")
    except Refused as refused:
        await socket.accept(subprotocol)
        await socket.close(TRY_AGAIN if refused.status == 503 else POLICY, refused.detail)
        return
    await socket.accept(subprotocol)
    with session.attendance.page():
        await _serve(socket, session, sessions)


async def _serve(socket: WebSocket, session: Session, sessions: Sessions) -> None:
    outbox = _Outbox(socket)
    tasks = [
        asyncio.create_task(work)
        for work in (
            outbox.deliver(),
            _report(outbox, session, sessions),
            _listen(socket, outbox, session, Right.CONTROL in rights_of(socket)),
        )
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    if session.closing and socket.client_state.name == "CONNECTED":
        await _close_quietly(socket)
    for result in results:
        # The client going away ends whichever task noticed first; anything else is a fault.
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result


async def _close_quietly(socket: WebSocket) -> None:
    try:
        await socket.close(1001, "The session has ended.")
    except (WebSocketDisconnect, RuntimeError):  # it was closed while we decided to
        return


async def _report(outbox: _Outbox, session: Session, sessions: Sessions) -> None:
    outbox.post(messages.hello(session, sessions.services.presets))
    told = session.mood.cuts.count
    style = _style(session)
    settings = messages.settings(session)
    while not session.closing:
        if style != (chosen := _style(session)):
            style = chosen
            outbox.post(messages.anchored(session))
        if settings != (now := messages.settings(session)):
            settings = now
            outbox.post(settings)
        cuts = [t_s for number, t_s in session.mood.cuts.recent if number > told]
        told = session.mood.cuts.count
        report = messages.telemetry(session, cuts)
        # Behind what else there is to say: anybody can be refused, and must not hide the rest by it.
        words = (report["notice"], sessions.refusals.latest(session.name))
        report["notice"] = " ".join(filter(None, words))
        outbox.post(report)
        await asyncio.sleep(1.0 / sessions.services.settings.telemetry_hz)


def _style(session: Session) -> tuple[str, str, int]:
    """Another than before when there is news. Refusals count: to the page that chose, and has had its answer,
    it is news that all is as it was."""
    return session.style.text, session.music.composer.name, session.style.refused


async def _listen(socket: WebSocket, outbox: _Outbox, session: Session, may_control: bool) -> None:
    loop = asyncio.get_running_loop()
    free_at_s = loop.time()
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            outbox.post(messages.binary_refused())
        else:
            outbox.post(messages.answer(session, text, may_control))
        # A client in a hurry waits; a burst of a second's worth is let through.
        free_at_s = max(free_at_s, loop.time() - 1.0) + 1.0 / CONTROLS_PER_S
        if free_at_s > loop.time():
            await asyncio.sleep(free_at_s - loop.time())


routes = [WebSocketRoute("/ws/{session}", telemetry)]
