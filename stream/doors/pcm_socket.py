"""`/pcm/{session}`: the music as raw PCM over a WebSocket, for other programs."""

from __future__ import annotations

import asyncio
import contextlib
import json

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from stream.access import chosen_subprotocol, require_listen
from stream.doors.telemetry import POLICY, TRY_AGAIN
from stream.errors import Refused
from stream.ports import CHANNELS, SAMPLE_RATE_HZ
from stream.session.session import Session
from stream.session.sessions import Sessions
from stream.sound.listener_queue import ListenerQueue
from stream.sound.playout import PLAYOUT_SAMPLES

MAX_WAITING = 50
"""Blocks of 20 ms a slow client may be behind; then the oldest is dropped, and the client told how many."""
GOING_AWAY = 1001


def described(session: Session) -> dict[str, str | int]:
    """The first message: what the binary ones hold."""
    return {
        "type": "pcm",
        "session": session.name,
        "format": "s16le",
        "rate_hz": SAMPLE_RATE_HZ,
        "channels": CHANNELS,
        "block_samples": PLAYOUT_SAMPLES,
    }


def dropped(blocks: int) -> dict[str, str | int]:
    """Told before the first block that came through again."""
    return {"type": "dropped", "blocks": blocks}


async def pcm(socket: WebSocket) -> None:
    """One client: a description, then blocks until either side ends it."""
    sessions: Sessions = socket.app.state.sessions
    queue: ListenerQueue[bytes] = ListenerQueue(MAX_WAITING)
    await socket.accept(chosen_subprotocol(socket))
    with contextlib.ExitStack() as stack:
        try:
            require_listen(socket)
            session = sessions.get_or_begin(socket.path_params["session"])
            egress = stack.enter_context(session.outlet(queue))
        except Refused as refused:
            await socket.close(TRY_AGAIN if refused.status == 503 else POLICY, refused.detail)
            return
        egress.add_pcm_listener(queue)
        stack.callback(egress.remove_pcm_listener, queue)
        await _serve(socket, session, queue)


async def _serve(socket: WebSocket, session: Session, queue: ListenerQueue[bytes]) -> None:
    tasks = [asyncio.create_task(send_blocks(socket, session, queue)), asyncio.create_task(_listen(socket))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        # The client going away ends whichever task noticed first; anything else is a fault.
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result


async def send_blocks(socket: WebSocket, session: Session, queue: ListenerQueue[bytes]) -> None:
    """The description, then what comes out of `queue` until it ends."""
    await socket.send_text(json.dumps(described(session)))
    told = 0
    while (block := await queue.take()) is not None:
        if queue.dropped > told:
            await socket.send_text(json.dumps(dropped(queue.dropped - told)))
            told = queue.dropped
        await socket.send_bytes(block)
    await socket.close(GOING_AWAY, "The session has ended.")


async def _listen(socket: WebSocket) -> None:
    """Clients have nothing to say here; whatever they do say is read and forgotten."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


routes = [WebSocketRoute("/pcm/{session}", pcm)]
