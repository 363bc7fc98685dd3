"""The sessions there are: made on demand up to a limit, ended when nobody has used them for a while."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType

from stream.errors import Refused
from stream.session.admission import Admission
from stream.session.refusals import Refusals
from stream.session.services import Services
from stream.session.session import Session

log = logging.getLogger(__name__)

DEFAULT_NAME = "live"
REAP_EVERY_S = 1.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Sessions:
    """The registry. An async context manager: leaving it closes every session."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.refusals = Refusals(services.clock, lambda name: name in self._sessions)
        self.admission = Admission(services.sensing, services.settings.readings_hz, services.clock)
        self._sessions: dict[str, Session] = {}
        self._tasks = asyncio.TaskGroup()
        self._reaper: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> Sessions:
        await self._tasks.__aenter__()
        self._reaper = self._tasks.create_task(self._reap())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        if self._reaper is not None:
            self._reaper.cancel()
        await asyncio.gather(*(session.close() for session in list(self._sessions.values())))
        await self._tasks.__aexit__(kind, error, trace)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def closing(self) -> bool:
        return self._closing

    def get(self, name: str) -> Session | None:
        return self._sessions.get(name)

    def get_or_begin(self, name: str) -> Session:
        """The session of that name, begun if there is none.

        Raises Refused: 400 a bad name, 503 too many sessions or too busy a machine.
        """
        if _NAME.fullmatch(name) is None:
            raise Refused(400, "A session name has 1 to 64 characters from A-Z a-z 0-9 _ -.")
        if self._closing:
            raise Refused(503, "The server is shutting down.", 10)
        session = self._sessions.get(name)
        if session is not None and not session.closing:
            return session
        limit = self.services.settings.max_sessions
        if session is not None or len(self._sessions) >= limit:
            retry_s = 2 if session is not None else int(self.services.settings.idle_end_s)
            raise Refused(
                503, f"The server carries at most {limit} sessions, or this one is just ending.", retry_s
            )
        self.admission.check(len(self._sessions))
        session = self._sessions[name] = Session(name, self.services)
        self._tasks.create_task(self._keep(session))
        return session

    def note_refusal(self, name: str, detail: str) -> None:
        """A publisher was refused, for the page of that session, if it can have one."""
        if _NAME.fullmatch(name) is not None:
            self.refusals.note(name, detail)

    def end_outlets(self) -> None:
        """Let go of listeners over HTTP and WebSocket: their requests would hold up the server's end."""
        for session in self:
            session.attendance.end_outlets()

    async def _keep(self, session: Session) -> None:
        log.info("session %s: begins", session.name)
        try:
            await session.run()
        except Exception:
            # A fault in one session ends that session; the others play on.
            log.exception("session %s failed", session.name)
        finally:
            del self._sessions[session.name]

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_EVERY_S)
            for session in self:
                if session.attendance.forgotten and not session.closing:
                    self._tasks.create_task(session.close())


Companion = Callable[[Sessions], Coroutine[None, None, None]]
"""Something of our own beside the peers: a picture from a file, from OBS, sound on this machine. It runs
until it is cancelled; when it raises, it is run again."""
