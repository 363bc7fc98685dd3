"""The limit on signalling: per address, in bounded memory, pages not counted."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from stream.doors.signalling_limit import MAX_ADDRESSES, Allowance, network_of
from stream.settings import Settings
from tests.stream.served import served


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    clock = Clock()
    allowance = Allowance(3, 2.0, clock)
    assert [allowance.take("192.0.2.1") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert allowance.take("192.0.2.1") == pytest.approx(0.5)
    assert allowance.take("192.0.2.2") == 0.0
    clock.now_s += 0.5
    assert allowance.take("192.0.2.1") == 0.0
    assert allowance.take("192.0.2.1") > 0.0
    clock.now_s += 3600.0
    assert [allowance.take("192.0.2.1") > 0 for _ in range(4)] == [False, False, False, True]


def test_asking_while_refused_costs_nothing() -> None:
    clock = Clock()
    allowance = Allowance(1, 1.0, clock)
    allowance.take("192.0.2.1")
    for _ in range(100):
        assert allowance.take("192.0.2.1") == pytest.approx(1.0)
    clock.now_s += 1.0
    assert allowance.take("192.0.2.1") == 0.0


def test_memory_is_bounded_and_the_newest_are_kept() -> None:
    allowance = Allowance(1, 0.001, Clock())
    for n in range(3 * MAX_ADDRESSES):
        allowance.take(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(allowance) == MAX_ADDRESSES
    n = 3 * MAX_ADDRESSES - 1
    assert allowance.take(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") > 0


def test_a_whole_ipv6_network_is_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1:2:3") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("testclient") == "testclient"


def test_too_many_requests_are_told_when_to_come_back() -> None:
    settings = Settings(port=0, warm_composers=0, signalling_burst=5, signalling_per_s=0.01)
    with served(settings) as client:
        statuses = [client.send("POST", "/whip", {}, "x").status for _ in range(7)]
        assert statuses == [415] * 5 + [429] * 2
        reply = client.send("DELETE", "/whip/live/nobody")
        assert reply.status == 429 and int(reply.headers["retry-after"]) > 0
        assert json.loads(reply.body)["detail"].endswith(".")
        with pytest.raises(InvalidStatus) as refused, connect(client.ws + "/ws/live"):
            pass
        assert refused.value.response.status_code == 429
        for path in ("/", "/source", "/healthz", "/pages/studio.js"):
            assert client.send("GET", path).status == 200
