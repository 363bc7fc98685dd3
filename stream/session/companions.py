"""What runs beside the peers and belongs to one session, whatever becomes of that session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stream.errors import Refused
from stream.session.session import Session
from stream.session.sessions import Sessions

AGAIN_S = 1.0


async def accompany(sessions: Sessions, name: str, work: Callable[[Session], Awaitable[None]]) -> None:
    """Begin the session `name`, keep it, and run `work(session)` until it ends; then begin again, for ever.

    When `work` returns, its session is kept all the same.
    """
    while True:
        try:
            session = sessions.get_or_begin(name)
        except Refused:  # it is just ending, or all sessions are taken
            await asyncio.sleep(AGAIN_S)
            continue
        with session.attendance.kept():
            working = asyncio.ensure_future(work(session))
            try:
                await session.until_closing()
            finally:
                working.cancel()
                (result,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(result, Exception):
            raise result
        await asyncio.sleep(AGAIN_S)
