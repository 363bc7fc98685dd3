"""A network that loses, delays, doubles and reorders, between peers in this process: no rights are needed.

Everything aioice sends passes here, in both directions when both ends are in this process. Each socket
decides by a generator of its own, seeded by the order in which sockets were opened: the same fates in the
same order, however busy the machine is.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any, NamedTuple

import pytest
from aioice.ice import StunProtocol


class Weather(NamedTuple):
    """Probabilities in [0, 1], and seconds. `jitter_s`: each datagram waits a time drawn from 0 to this;
    `late`: the share that waits `late_s` more, and so comes after those sent later."""

    loss: float = 0.0
    jitter_s: float = 0.0
    late: float = 0.0
    late_s: float = 0.04
    twice: float = 0.0


FAIR = Weather()


class BadNetwork:
    """Change `weather` at any time; `fates` counts what happened to datagrams."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int = 1) -> None:
        self.weather = FAIR
        self.fates = {"sent": 0, "lost": 0, "late": 0, "doubled": 0}
        self._seeds = random.Random(seed)
        made = StunProtocol.connection_made

        def connection_made(protocol: StunProtocol, transport: asyncio.BaseTransport) -> None:
            made(protocol, transport)
            protocol.transport = _Line(self, protocol.transport, self._seeds.getrandbits(32))  # type: ignore[assignment]

        monkeypatch.setattr(StunProtocol, "connection_made", connection_made)


class _Line:
    """A datagram transport through the weather."""

    def __init__(self, network: BadNetwork, transport: asyncio.DatagramTransport, seed: int) -> None:
        self._network = network
        self._transport = transport
        self._rng = random.Random(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def sendto(self, data: bytes, address: Any = None) -> None:
        weather, fates = self._network.weather, self._network.fates
        # Always the same number of draws: another weather does not shift the later fates.
        lost, jitter, late, twice = (self._rng.random() for _ in range(4))
        fates["sent"] += 1
        if lost < weather.loss:
            fates["lost"] += 1
            return
        wait_s = jitter * weather.jitter_s
        if late < weather.late:
            fates["late"] += 1
            wait_s += weather.late_s
        self._after(wait_s, data, address)
        if twice < weather.twice:
            fates["doubled"] += 1
            self._after(wait_s + 0.005, data, address)

    def _after(self, wait_s: float, data: bytes, address: Any) -> None:
        if wait_s <= 0:
            self._transport.sendto(data, address)
        else:
            asyncio.get_running_loop().call_later(wait_s, self._send, data, address)

    def _send(self, data: bytes, address: Any) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(data, address)
