"""`/audio/{session}`: the music as an endless file over plain HTTP, for OBS's Media Source and VLC."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stream.access import require_listen
from stream.doors.signalling import session_name, sessions_of
from stream.session.session import Session
from stream.sound.listener_queue import ListenerQueue
from stream.sound.ogg_opus import OggOpus
from stream.sound.opus import OpusPacket
from stream.sound.wav import live_header

MAX_WAITING = 100
"""Blocks of 20 ms a slow listener may be behind; then the oldest is dropped."""
OGG, WAV = "audio/ogg", "audio/wav"
_ENDINGS = {".ogg": OGG, ".opus": OGG, ".wav": WAV}
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Accept-Ranges": "none"}


def asked_for(name: str, accept: str) -> tuple[str, str]:
    """(session, media type) of a request for `name` that accepts `accept`.

    The ending decides; without one, WAV for whoever names it and not Ogg; else Ogg.
    """
    for ending, media_type in _ENDINGS.items():
        if name.endswith(ending):
            return name.removesuffix(ending), media_type
    wav = "wav" in accept and "ogg" not in accept
    return name, WAV if wav else OGG


async def ogg(session: Session, queue: ListenerQueue[OpusPacket]) -> AsyncGenerator[bytes, None]:
    """The stream from now until the session ends."""
    stream = OggOpus(secrets.randbits(32), f"NarraScore Live: {session.name}")
    with session.outlet(queue) as egress:
        egress.add_listener(queue)
        try:
            yield stream.headers()
            while (packet := await queue.take()) is not None:
                yield stream.packet(bytes(packet))
            yield stream.end()
        finally:
            egress.remove_listener(queue)


async def wav(session: Session, queue: ListenerQueue[bytes]) -> AsyncGenerator[bytes, None]:
    """The stream from now until the session ends."""
    with session.outlet(queue) as egress:
        egress.add_pcm_listener(queue)
        try:
            yield live_header()
            while (block := await queue.take()) is not None:
                yield block
        finally:
            egress.remove_pcm_listener(queue)


class LiveAudio(Response):
    """An endless response. `chunks` is closed as soon as the client is gone, even while no chunk comes."""

    def __init__(self, first: bytes, chunks: AsyncGenerator[bytes, None], media_type: str) -> None:
        self._first = first
        self._chunks = chunks
        super().__init__(None, 200, _HEADERS, media_type)
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with contextlib.aclosing(self._chunks):
            tasks = [asyncio.create_task(self._send(send)), asyncio.create_task(_gone(receive))]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def audio(request: Request) -> Response:
    """GET: the stream. HEAD: its headers, no music started.

    Raises Refused: 400 a bad name, 401 or 403 without the right to listen, 503 full.
    """
    require_listen(request)
    name, media_type = asked_for(session_name(request), request.headers.get("accept", ""))
    if request.method == "HEAD":
        return Response(None, 200, _HEADERS, media_type)
    session = sessions_of(request).get_or_begin(name)
    chunks: AsyncGenerator[bytes, None]
    if media_type == OGG:
        chunks = ogg(session, ListenerQueue(MAX_WAITING))
    else:
        chunks = wav(session, ListenerQueue(MAX_WAITING))
    # Asked here, so that a refusal is a problem response and not half a file.
    first = await anext(chunks)
    return LiveAudio(first, chunks, media_type)


routes = [Route("/audio/{session}", audio, methods=["GET"])]
