"""How a session ends: nothing it did to itself counts, and nobody is left waiting."""

from __future__ import annotations

import asyncio

import pytest

from stream.session import music
from stream.sound.listener_queue import ListenerQueue
from tests import virtual_time
from tests.stream.session.inline import InlineEgress, InlineHost, registry


class SlowToEnd(InlineHost):
    """Takes half a second to end, like a process; the egress has a thread, which goes on meanwhile."""

    egress: InlineEgress

    def close(self) -> None:
        super().close()
        for _ in range(25):
            if not self.egress._stop.is_set():
                self.egress.step()


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music, "ComposerHost", SlowToEnd)
    monkeypatch.setattr(music, "Egress", InlineEgress)


def test_its_end_is_no_underrun() -> None:
    """One would count as strain, and take pictures from every other session."""

    async def scenario() -> None:
        async with registry() as sessions:
            session = sessions.get_or_begin("live")
            with session.outlet(ListenerQueue(10)) as egress:
                assert isinstance(egress, InlineEgress)
                SlowToEnd.egress = egress
                await asyncio.sleep(2.0)
                assert egress.state == "playing" and egress.underruns == 0
                await session.close()
                assert egress.underruns == 0

    virtual_time.run(scenario())


@pytest.mark.parametrize("part", ["control", "peers", "music"])
def test_whatever_fails_listeners_are_let_go_of_and_the_end_is_reached(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    async def fault() -> None:
        await asyncio.sleep(1.0)
        raise RuntimeError("scripted")

    def sudden_fault() -> None:
        raise RuntimeError("scripted")

    async def scenario() -> None:
        async with registry() as sessions:
            session = sessions.get_or_begin("live")
            match part:
                case "control":
                    monkeypatch.setattr(session.control, "run", fault)
                case "peers":
                    monkeypatch.setattr(session.peers, "close", fault)
                case _:
                    monkeypatch.setattr(session.recordings, "finish", sudden_fault)
            queue: ListenerQueue[object] = ListenerQueue(1000)
            with session.outlet(queue) as egress:
                assert isinstance(egress, InlineEgress)
                SlowToEnd.egress = egress
                await asyncio.sleep(0.5)
                if part != "control":
                    await asyncio.wait_for(session.close(), 5.0)
                async with asyncio.timeout(5.0):
                    while await queue.take() is not None:
                        pass
                    await session.close()
            assert not InlineHost.by_link and egress._stop.is_set()
            await asyncio.sleep(1.0)
            assert len(sessions) == 0

    virtual_time.run(scenario())
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["session live failed"]
