"""What runs beside the peers and belongs to one session, whatever becomes of that session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from stream.errors import Refused
from stream.session.session import Session
from stream.session.sessions import Sessions

log = logging.getLogger(__name__)

AGAIN_S = 1.0
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)
LASTING_S = 60.0
"""What went on for so long and then failed is not failing again and again."""
TOLD_S = 5.0
"""A failure is told of until so long after the next beginning."""


async def accompany(
    sessions: Sessions, name: str, what: str, work: Callable[[Session], Awaitable[None]]
) -> None:
    """Begin the session `name`, keep it, and run `work(session)` until it ends; then begin again, for ever.

    When `work` returns, its session is kept all the same. When it raises, the session is told that `what`
    has failed, and it is run again: see `lasting`.
    """
    while True:
        try:
            session = sessions.get_or_begin(name)
        except Refused:  # it is just ending, or all sessions are taken
            await asyncio.sleep(AGAIN_S)
            continue
        with session.attendance.kept():
            working = asyncio.create_task(lasting(what, partial(work, session), session.remark))
            try:
                await session.until_closing()
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
        await asyncio.sleep(AGAIN_S)


async def lasting(
    what: str,
    work: Callable[[], Awaitable[None]],
    remark: Callable[[str, Callable[[], str]], None] = lambda about, say: None,
) -> None:
    """Do `work` until it returns. Whenever it raises that is logged and told to `remark`, and after a while,
    longer each time, it is done again.

    A fault in one companion is no reason to end the sessions, nor to go without it for ever.
    """
    loop, failures = asyncio.get_running_loop(), 0
    while True:
        began_s = loop.time()
        try:
            return await work()
        except Exception as error:
            if loop.time() - began_s > LASTING_S:
                failures = 0
            words = f"{what} has failed ({type(error).__name__}): it is tried again. The music plays on."
            log.error("%s", words, exc_info=None if failures else error)
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # it failed while it was being ended
                return None
        wait_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
        remark(what, partial(_until, loop.time() + wait_s + TOLD_S, words))
        await asyncio.sleep(wait_s)
        failures += 1


def _until(limit_s: float, words: str) -> str:
    return words if asyncio.get_running_loop().time() < limit_s else ""
