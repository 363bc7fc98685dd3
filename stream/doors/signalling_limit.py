"""How often one address may ask: a token bucket each, in bounded memory.

Pages and their files are free. Everything else begins work (an offer, a socket) or tries a token, and counts.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from stream.clock import Clock
from stream.doors.problems import problem, refuse

MAX_ADDRESSES = 1024
"""Addresses remembered; the one not heard of for longest is forgotten first."""
_FREE_PATHS = ("/", "/source", "/healthz", "/readyz")
_FREE_FOLDER = "/pages/"


class _Bucket(NamedTuple):
    left: float
    at_s: float


class Allowance:
    """So many requests at once from one address, and so many a second after that."""

    def __init__(self, burst: int, per_s: float, clock: Clock) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str) -> float:
        """Count one request; the seconds to wait when it is one too many, else 0."""
        now_s = self._clock()
        key = network_of(address)
        bucket = self._buckets.pop(key, _Bucket(self._burst, now_s))
        left = min(self._burst, bucket.left + (now_s - bucket.at_s) * self._per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._per_s
        self._buckets[key] = _Bucket(left - 1 if left >= 1 else left, now_s)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return wait_s


def network_of(address: str) -> str:
    """What counts as one address: an IPv6 user has a whole /64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)


class SignallingLimit:
    """ASGI middleware: answers 429 with `Retry-After` when one address asks too often."""

    def __init__(self, app: ASGIApp, allowance: Allowance) -> None:
        self._app = app
        self._allowance = allowance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait_s = self._allowance.take(_address(scope)) if _counts(scope) else 0.0
        if wait_s == 0.0:
            await self._app(scope, receive, send)
            return
        seconds = math.ceil(wait_s)
        detail = f"Too many requests from this address: try again in {seconds} s."
        await refuse(problem(429, detail, {"Retry-After": str(seconds)}), scope, receive, send)


def _counts(scope: Scope) -> bool:
    if scope["type"] == "websocket":
        return True
    if scope["type"] != "http":
        return False
    path: str = scope["path"]
    free = path in _FREE_PATHS or path.startswith(_FREE_FOLDER)
    return not (free and scope["method"] in ("GET", "HEAD"))


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
