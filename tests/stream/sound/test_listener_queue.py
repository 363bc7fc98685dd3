from __future__ import annotations

import asyncio

from stream.sound.listener_queue import ListenerQueue
from tests import virtual_time


def test_a_slow_listener_loses_the_oldest_and_is_told_how_many() -> None:
    async def scenario() -> None:
        queue: ListenerQueue[int] = ListenerQueue(3)
        for item in range(10):
            queue.push(item)
        assert queue.dropped == 7
        assert [await queue.take() for _ in range(3)] == [7, 8, 9]

    virtual_time.run(scenario())


def test_it_waits_for_the_next_item_and_ends_after_the_last() -> None:
    async def scenario() -> None:
        queue: ListenerQueue[int] = ListenerQueue(3)
        waiting = asyncio.create_task(queue.take())
        await asyncio.sleep(1.0)
        assert not waiting.done()
        queue.push(1)
        assert await waiting == 1
        queue.push(2)
        queue.end()
        assert [await queue.take(), await queue.take(), await queue.take()] == [2, None, None]

    virtual_time.run(scenario())
