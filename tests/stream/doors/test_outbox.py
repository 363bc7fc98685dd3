"""What a slow client of `/ws` loses, and what it does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from stream.doors.telemetry import MAX_WAITING, _Outbox
from stream.sensing.cuts import MAX_KEPT
from tests import virtual_time


class SlowSocket:
    """Takes nothing before it is told to."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.got: list[dict[str, Any]] = []

    async def send_text(self, text: str) -> None:
        await self.ready.wait()
        self.got.append(json.loads(text))


def delivered(*posted: dict[str, Any], later: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """What a client gets that is slow at first; `later` is posted when it has caught up."""

    async def scenario() -> list[dict[str, Any]]:
        socket = SlowSocket()
        outbox = _Outbox(socket)  # type: ignore[arg-type]
        task = asyncio.create_task(outbox.deliver())
        for message in posted:
            outbox.post(message)
        socket.ready.set()
        await asyncio.sleep(1.0)
        for message in later:
            outbox.post(message)
        await asyncio.sleep(1.0)
        task.cancel()
        return socket.got

    return virtual_time.run(scenario())


def telemetry(count: int) -> list[dict[str, Any]]:
    return [{"type": "telemetry", "n": n, "cuts": []} for n in range(count)]


def cuts(*told: list[float]) -> list[dict[str, Any]]:
    return [{"type": "telemetry", "cuts": each} for each in told]


def test_what_was_set_is_told_however_much_telemetry_follows() -> None:
    """It is told once; who missed it would show what is not so."""
    hello, settings = {"type": "hello"}, {"type": "settings", "volume": 0.5}
    got = delivered(hello, settings, *telemetry(100))
    assert got == [hello, settings, *telemetry(100)[-MAX_WAITING:]]


def test_of_what_lasts_the_newest_is_told_last() -> None:
    changes = [{"type": kind, "n": n} for n in range(100) for kind in ("settings", "anchor")]
    assert delivered({"type": "ok"}, *changes) == [{"type": "ok"}, *changes[-2:]]


def test_telemetry_goes_before_answers_do() -> None:
    """A page waits for them, one by one."""
    answers = [{"type": "ok", "id": n} for n in range(MAX_WAITING - 1)]
    got = delivered(*answers, *telemetry(30))
    assert got == [*answers, *telemetry(30)[-1:]]
    assert delivered(*answers, {"type": "error"}, *telemetry(30)) == [*answers, {"type": "error"}]


def test_answers_are_bounded_too() -> None:
    answers = [{"type": "ok", "id": n} for n in range(50)]
    assert delivered(*answers) == answers[-MAX_WAITING:]


def test_cuts_outlive_the_telemetry_they_came_with() -> None:
    """Each is told once; a curve without it would be wrong for a minute and a half."""
    rest: list[list[float]] = [[]] * (MAX_WAITING - 2)
    got = delivered(*cuts([1.0], [2.0, 3.0], [4.0], *rest, [5.0]))
    assert got == cuts([1.0, 2.0, 3.0, 4.0], *rest, [5.0])


def test_cuts_wait_for_room_where_answers_take_it_all() -> None:
    answers = [{"type": "ok", "id": n} for n in range(MAX_WAITING)]
    got = delivered(*answers, *cuts([1.0], [2.0]), later=cuts([3.0], []))
    assert got == [*answers, *cuts([1.0, 2.0, 3.0], [])]


def test_who_is_slow_for_hours_is_told_the_newest_cuts() -> None:
    got = delivered(*cuts(*([float(n)] for n in range(1000))))
    told = [t_s for message in got for t_s in message["cuts"]]
    assert told == [float(n) for n in range(1000 - MAX_KEPT - MAX_WAITING, 1000)]
