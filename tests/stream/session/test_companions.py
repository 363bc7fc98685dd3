"""What runs beside the peers fails for itself: sessions go on, the user is told, and it is tried again."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest

from stream.doors.app import create_app
from stream.session import companions
from stream.session.companions import BACKOFF_S, LASTING_S, TOLD_S, accompany, lasting
from stream.session.session import Session
from stream.session.sessions import Sessions
from stream.settings import Settings
from tests import virtual_time
from tests.stream import scripted
from tests.stream.session.inline import registry


def test_what_fails_is_told_and_tried_again_in_the_same_session(caplog: pytest.LogCaptureFixture) -> None:
    began: list[float] = []

    async def work(session: Session) -> None:
        began.append(session.time_s())
        if len(began) < 10:
            raise KeyError("inputs")
        await session.until_closing()

    async def scenario() -> None:
        async with registry() as sessions:
            task = asyncio.create_task(accompany(sessions, "live", "Following OBS", work))
            await asyncio.sleep(0.5)
            session = sessions.get("live")
            assert session is not None
            assert "Following OBS has failed (KeyError)" in session.notice
            await asyncio.sleep(sum(BACKOFF_S) + 10 * BACKOFF_S[-1])
            assert len(began) == 10 and session.notice == ""
            assert sessions.get("live") is session and not task.done()
            task.cancel()

    with caplog.at_level(logging.ERROR):
        virtual_time.run(scenario())
    waits = [after - before for before, after in pairwise(began)]
    assert waits == pytest.approx([*BACKOFF_S, *[BACKOFF_S[-1]] * (9 - len(BACKOFF_S))])
    assert [record.exc_info is not None for record in caplog.records] == [True, *[False] * 8]


def test_it_is_still_told_of_while_it_fails_again_and_again() -> None:
    async def work() -> None:
        raise ValueError

    async def scenario() -> None:
        said: dict[str, object] = {}
        task = asyncio.create_task(lasting("It", work, lambda about, say: said.update({about: say})))
        for _ in range(200):
            await asyncio.sleep(TOLD_S / 3)
            assert "It has failed" in said["It"]()  # type: ignore[operator]
        task.cancel()

    virtual_time.run(scenario())


def test_what_went_on_for_a_while_is_tried_again_soon() -> None:
    began: list[float] = []

    async def work() -> None:
        began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(LASTING_S + 1.0)
        raise ValueError

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lasting("It", work), 10 * LASTING_S)

    virtual_time.run(scenario())
    assert {round(after - before, 3) for before, after in pairwise(began)} == {LASTING_S + 1.0 + BACKOFF_S[0]}


def test_what_fails_while_it_is_ended_is_not_begun_again() -> None:
    began: list[Session] = []

    async def work(session: Session) -> None:
        began.append(session)
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the card has been pulled out")

    async def scenario() -> None:
        async with registry() as sessions:
            task = asyncio.create_task(accompany(sessions, "live", "It", work))
            await asyncio.sleep(1.0)
            session = sessions.get("live")
            assert session is not None
            await asyncio.wait_for(session.close(), 1.0)
            await asyncio.sleep(companions.AGAIN_S + 1.0)
            assert len(began) == 2 and began[0] is session and began[1] is sessions.get("live")
            task.cancel()
            await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 1.0)

    virtual_time.run(scenario())


def test_a_companion_that_raises_takes_no_session_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is: the service's own tasks are in one group."""
    monkeypatch.setattr(companions, "BACKOFF_S", (0.0,))
    began = asyncio.Event()
    times = 0

    async def companion(sessions: Sessions) -> None:
        nonlocal times
        times += 1
        if times < 3:
            raise OSError("scripted")
        began.set()
        await asyncio.Event().wait()

    async def scenario() -> None:
        app = create_app(
            Settings(warm_composers=0),
            sensor_factory=scripted.BrightnessSensor,
            windows=scripted.WINDOWS,
            composers=scripted.offers(),
            presets=scripted.PRESETS,
            companions=[companion],
        )
        async with app.router.lifespan_context(app):
            session = app.state.sessions.get_or_begin("live")
            await asyncio.wait_for(began.wait(), 10.0)
            assert not session.closing and not app.state.sessions.closing

    asyncio.run(scenario())
