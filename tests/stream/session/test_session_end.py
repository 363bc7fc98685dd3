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
