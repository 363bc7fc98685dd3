"""A stand-in for OBS: a server that speaks obs-websocket 5 as far as it was told to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from stream.beside.obs_protocol import authentication

Json = dict[str, Any]
SALT = "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI="
CHALLENGE = "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY="


def jpeg(level: int, width: int = 320, height: int = 180) -> bytes:
    """A uniform picture."""
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
    codec.time_base = Fraction(1, 25)
    picture = np.full((height, width, 3), level, np.uint8)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
    return bytes(codec.encode(frame)[0])


class ScriptedObs:
    """Answers requests from `answers` (by kind); what is not there is refused, as OBS would."""

    def __init__(self, password: str = "") -> None:
        self.password = password
        self.url = ""
        self.connections = 0
        self.requests: list[Json] = []
        self.subscriptions = 0
        self.answers: dict[str, Json] = {
            "GetSpecialInputs": {"desktop1": "Desktop Audio", "desktop2": None, "mic1": "Mic/Aux"},
            "GetInputList": {
                "inputs": [
                    {"inputName": "Headset", "unversionedInputKind": "pulse_input_capture"},
                    {"inputName": "Game", "unversionedInputKind": "ffmpeg_source"},
                ]
            },
            "GetCurrentProgramScene": {"currentProgramSceneName": "Game"},
            "GetSourceScreenshot": {
                "imageData": "data:image/jpg;base64," + base64.b64encode(jpeg(120)).decode()
            },
        }
        self.mute: set[str] = set()
        """Kinds of requests that are never answered."""
        self.greeting = ""
        """Sent in place of the protocol's first message."""
        self._socket: ServerConnection | None = None

    def asked(self, kind: str) -> list[Json]:
        return [one for one in self.requests if one["requestType"] == kind]

    async def event(self, kind: str, **data: object) -> None:
        assert self._socket is not None
        body = {"eventType": kind, "eventIntent": 0, "eventData": data}
        await self._socket.send(json.dumps({"op": 5, "d": body}))

    async def hang_up(self, code: int = 1001) -> None:
        assert self._socket is not None
        await self._socket.close(code)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """While the block runs the present connection reads nothing, not even a goodbye."""
        assert self._socket is not None
        transport = self._socket.transport
        transport.pause_reading()
        try:
            yield
        finally:
            transport.resume_reading()

    async def handle(self, socket: ServerConnection) -> None:
        hello: Json = {"obsWebSocketVersion": "5.1.0", "rpcVersion": 1}
        if self.password:
            hello["authentication"] = {"salt": SALT, "challenge": CHALLENGE}
        await socket.send(self.greeting or json.dumps({"op": 0, "d": hello}))
        with contextlib.suppress(ConnectionClosed):
            identity = json.loads(await socket.recv())["d"]
            if self.password and identity.get("authentication") != authentication(
                self.password, SALT, CHALLENGE
            ):
                await socket.close(4009, "Authentication failed.")
                return
            self.subscriptions = identity["eventSubscriptions"]
            await socket.send(json.dumps({"op": 2, "d": {"negotiatedRpcVersion": 1}}))
            self._socket = socket
            self.connections += 1
            async for text in socket:
                await self._answer(socket, json.loads(text)["d"])

    async def _answer(self, socket: ServerConnection, request: Json) -> None:
        self.requests.append(request)
        kind = request["requestType"]
        if kind in self.mute:
            return
        known = kind in self.answers
        status: Json = {"result": known, "code": 100 if known else 600}
        if not known:
            status["comment"] = "No source was found."
        body = {"requestType": kind, "requestId": request["requestId"], "requestStatus": status}
        if known:
            body["responseData"] = self.answers[kind]
        await socket.send(json.dumps({"op": 7, "d": body}))


@contextlib.asynccontextmanager
async def obs(password: str = "", port: int = 0) -> AsyncIterator[ScriptedObs]:
    """One running; its `url` has its address."""
    script = ScriptedObs(password)
    async with serve(script.handle, "127.0.0.1", port) as server:
        script.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield script


async def until(condition: Any, timeout_s: float = 10.0) -> None:
    """Fails the test when the condition does not come about."""
    loop = asyncio.get_running_loop()
    limit_s = loop.time() + timeout_s
    while not condition():
        assert loop.time() < limit_s, "it did not come about"
        await asyncio.sleep(0.005)
