from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import aioice.ice
import pytest
from aioice import stun
from aiortc import RTCPeerConnection

from stream.webrtc.consent import be_patient, query_consent
from tests import virtual_time

KEY = "remote password"
LASTS_S = aioice.ice.CONSENT_FAILURES * aioice.ice.CONSENT_INTERVAL


class Other:
    """The other end, and as much of aioice's connection as is touched. Answers a check that is sent at `t_s`
    after `answers(t_s)` seconds, or never: None."""

    def __init__(self, answers: Callable[[float], float | None]) -> None:
        self.transactions: dict[bytes, stun.Transaction] = {}
        self.began_s = asyncio.get_running_loop().time()
        self.checks: list[float] = []
        self.closed_s: float | None = None
        self.remote_password = KEY
        self.most_waiting = 0
        self._answers = answers
        self._nominated = {1: SimpleNamespace(protocol=self, remote_addr=("192.0.2.1", 9))}
        self._query_consent_task: object = object()

    def build_request(self, pair: Any, nominate: bool) -> stun.Message:
        assert not nominate
        return stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        self.checks.append(loop.time() - self.began_s)
        self.most_waiting = max(self.most_waiting, len(self.transactions))
        delay_s = self._answers(self.checks[-1])
        if delay_s is not None:
            loop.call_later(delay_s, self._answer, message.transaction_id, addr)

    def _answer(self, transaction_id: bytes, addr: tuple[str, int]) -> None:
        response = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=transaction_id,
        )
        response.add_message_integrity(KEY.encode())
        if transaction_id in self.transactions:
            self.transactions[transaction_id].response_received(response, addr)

    async def close(self) -> None:
        self.closed_s = asyncio.get_running_loop().time() - self.began_s


def seen(answers: Callable[[float], float | None], seconds: float) -> Other:
    async def scenario() -> Other:
        other = Other(answers)
        task = asyncio.create_task(query_consent(other))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return other

    return virtual_time.run(scenario())


def test_an_answer_that_takes_three_seconds_is_one() -> None:
    """aioice hung up after half a minute of them: it waits for half a second."""
    other = seen(lambda t_s: 3.0, 3600.0)
    assert other.closed_s is None
    assert 600 <= len(other.checks) <= 900 and other.most_waiting == 1
    assert other.transactions == {}


def test_it_ends_when_nobody_has_answered_for_as_long_as_six_checks_take() -> None:
    other = seen(lambda t_s: 0.1 if t_s < 100.0 else None, 300.0)
    assert other.closed_s is not None and LASTS_S - 6.0 <= other.closed_s - 100.0 <= LASTS_S + 12.0
    assert other._query_consent_task is None and other.transactions == {}


@pytest.mark.parametrize("bad_s", [10.0, 25.0])
def test_it_outlives_a_time_without_answers(bad_s: float) -> None:
    other = seen(lambda t_s: None if 100.0 < t_s < 100.0 + bad_s else 0.1, 300.0)
    assert other.closed_s is None


def test_aioice_has_what_is_replaced() -> None:
    async def scenario() -> None:
        connection = RTCPeerConnection()
        connection.addTransceiver("audio")
        await connection.setLocalDescription()
        (transceiver,) = connection.getTransceivers()
        ice = transceiver.receiver.transport.transport._connection
        assert isinstance(ice, aioice.ice.Connection) and callable(ice.query_consent)
        be_patient(connection)
        assert "query_consent" in vars(ice) and ice._nominated == {}
        await connection.close()

    asyncio.run(scenario())
