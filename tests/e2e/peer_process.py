"""A peer that is another program: it prints one JSON object a line and ends when its standard input does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

END_LIMIT_S = 20.0


class PeerProcess:
    """The program and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    def heard(self, key: str) -> Any:
        """The last value said under `key`, or None."""
        return next((message[key] for message in reversed(self.said) if key in message), None)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))

    def vanish(self) -> None:
        """As a lost network would: not a word to the service."""
        self.process.kill()


@contextlib.asynccontextmanager
async def peer_process(*command: str) -> AsyncIterator[PeerProcess]:
    """The program while the block runs; then it is asked to end, and has said all it will say."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    peer = PeerProcess(process)
    reading = asyncio.create_task(peer.read())
    try:
        yield peer
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(END_LIMIT_S):
            await process.wait()
            await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        reading.cancel()
