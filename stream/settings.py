"""Everything about the service that a user may choose, with units in the names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from stream.access import OPEN, Access
from stream.ice_servers import IceServer
from stream.ports import SAMPLE_RATE_HZ

SESSIONS_A_CORE, MOST_SESSIONS = 4, 16
"""A session takes some 0.15 to 0.2 of a core, two thirds of it its composer's. The rest is one process's,
whose interpreter uses one core at a time: more cores do not help it."""


def sessions_by_cores() -> int:
    """How many sessions this machine's cores could carry at best."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(SESSIONS_A_CORE * cores, MOST_SESSIONS)


@dataclass(frozen=True)
class Settings:
    """The service's configuration.

    `allowed_hosts` are the names a request may call us by (against DNS rebinding); "*" allows all, and an
    address in numbers is always allowed.
    `allowed_origins` are pages of other origins that may publish, listen and control.
    `ring_ms` is how far composers run ahead where nothing is late, the larger part of the control latency.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    allowed_origins: tuple[str, ...] = ()

    access: Access = OPEN
    """Which token opens what; none by default, which is for loopback only."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """PEM files; both or neither."""
    ice_servers: tuple[IceServer, ...] = ()
    """STUN and TURN servers; none by default, so that nobody is asked for our address. The stack asks the
    first of each kind."""
    signalling_burst: int = 60
    """Requests one address may make at once, and then so many a second; pages and their files are free."""
    signalling_per_s: float = 5.0

    max_sessions: int = field(default_factory=sessions_by_cores)
    """Where to stop whatever the load is; what a machine really carries is measured when `govern` is on."""
    govern: bool = False
    """Whether the machine's load is watched: readings and pictures are given up before the music suffers, and
    sessions refused that would be too much. `narrascore serve` does; off, the load of other programs changes
    nothing, which tests and measurements want."""
    max_listeners: int = 16
    idle_end_s: float = 60.0
    connect_timeout_s: float = 15.0
    video_gone_s: float = 3.0

    default_anchor: str = ""
    """Empty: the first preset."""
    reactivity: str = ""
    """How fast affect follows the picture, by name; empty: the first window."""
    seed: int | None = None
    """None: another piece every time."""

    record_folder: str = "recordings"
    """Where recordings go, each in a folder of its own."""
    record: bool = False
    """Whether every session is recorded from its first sound."""

    ring_ms: int = 140
    control_hz: float = 40.0
    telemetry_hz: float = 10.0
    opus_bit_rate: int = 144_000

    warm_composers: int = 1
    composer_start_timeout_s: float = 60.0
    composer_hang_s: float = 1.0
    composer_snapshot_s: float = 10.0

    sensing_threads: int = 1
    readings_hz: float = 8.0
    """Readings a second and session while the processor has room; fewer when it has not."""
    sensing_duty: float = 0.32
    """Share of the sensing threads' time that readings may take before they come less often: with readings of
    10 ms, 8 a second of four sessions, 4 a second of eight."""
    sensor_hang_s: float = 5.0
    """A reading that takes longer than this has hung: its thread is replaced."""

    @property
    def ring_samples(self) -> int:
        return self.ring_ms * SAMPLE_RATE_HZ // 1000
