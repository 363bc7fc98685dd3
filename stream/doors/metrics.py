"""What the service tells a monitor: `/metrics` (Prometheus text) and `/readyz`. No model, no guess: counters.

Sessions are read when somebody asks. Only those that live are told of, so the labels do not grow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stream.access import require_watch
from stream.doors.signalling import sessions_of
from stream.process_cost import by_work, spent
from stream.session.session import Session
from stream.session.sessions import Sessions
from stream.stages import LOOP_LATE_S, REGISTRY

LOOP_EVERY_S = 0.1


class _Figure(NamedTuple):
    """One series per session. `name` without the `narrascore_session_` before it."""

    name: str
    help: str
    counts: bool
    read: Callable[[Session], float]


def _backlog(session: Session) -> float:
    backlog = session.peers.backlog
    return float(len(backlog)) if backlog is not None else 0.0


_FIGURES = (
    _Figure("age_seconds", "Since the session began.", False, lambda s: s.time_s()),
    _Figure("publishing", "Whether a picture comes.", False, lambda s: float(s.peers.video_state == "live")),
    _Figure("listeners", "Over WebRTC, HTTP and WebSocket.", False, lambda s: s.listeners),
    _Figure("pages", "Telemetry sockets open.", False, lambda s: s.attendance.pages),
    _Figure("frames_total", "Pictures decoded.", True, lambda s: s.slot.frames),
    _Figure("frames_unread_total", "Pictures replaced by a newer one.", True, lambda s: s.slot.dropped),
    _Figure("frames_undecoded", "Pictures that wait for the decoder.", False, _backlog),
    _Figure("readings_total", "Readings of the picture.", True, lambda s: s.readings),
    _Figure("valence", "The estimate, -1 to 1.", False, lambda s: s.affect.valence),
    _Figure("arousal", "The estimate, -1 to 1.", False, lambda s: s.affect.arousal),
    _Figure("confidence", "Of the estimate, 0 to 1.", False, lambda s: s.affect.confidence),
    _Figure("buffer_seconds", "Music ahead of the listener.", False, lambda s: s.buffer_ms / 1000.0),
    _Figure(
        "ahead_seconds",
        "How far ahead music is made: more where it was late.",
        False,
        lambda s: s.ahead_ms / 1000.0,
    ),
    _Figure("played_seconds_total", "Music played.", True, lambda s: s.egress.played_s if s.egress else 0.0),
    _Figure(
        "underruns_total",
        "Times the music was not there in time.",
        True,
        lambda s: s.egress.underruns if s.egress else 0,
    ),
    _Figure(
        "skipped_blocks_total",
        "Blocks of 20 ms that were too late to send.",
        True,
        lambda s: s.egress.skipped_blocks if s.egress else 0,
    ),
    _Figure(
        "composer_playing",
        "Whether its process plays.",
        False,
        lambda s: float(s.composer_status.state == "playing"),
    ),
    _Figure(
        "composer_restarts_total",
        "Times its process was replaced.",
        True,
        lambda s: s.composer_status.restarts,
    ),
    _Figure(
        "composer_cpu_seconds_total",
        "Processor time of the present process.",
        True,
        lambda s: spent(s.composer_pid).cpu_s,
    ),
    _Figure(
        "composer_resident_bytes",
        "Memory of the present process.",
        False,
        lambda s: spent(s.composer_pid).resident_bytes,
    ),
)


class _Sessions(Collector):
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def collect(self) -> Iterable[Metric]:
        return list(self._metrics())

    def _metrics(self) -> Iterator[Metric]:
        services, live = self._sessions.services, list(self._sessions)
        yield GaugeMetricFamily("narrascore_sessions", "Sessions that live.", len(live))
        yield GaugeMetricFamily(
            "narrascore_sessions_limit", "Sessions there may be.", services.settings.max_sessions
        )
        yield GaugeMetricFamily(
            "narrascore_load_level",
            "What is given up for the music: 0 nothing, 1 readings, 2 pictures, 3 all but key frames.",
            int(self._sessions.admission.level),
        )
        yield GaugeMetricFamily(
            "narrascore_sensing_threads_lost",
            "Sensing threads left behind because a sensor hangs.",
            services.sensing.lost_threads,
        )
        threads = GaugeMetricFamily(
            "narrascore_work_cpu_seconds",
            "Processor time of the service's threads that live, by what they do.",
            labels=["work"],
        )
        for work, seconds in by_work().items():
            threads.add_metric([work], seconds)
        yield threads
        for name, help_, counts, read in _FIGURES:
            kind = CounterMetricFamily if counts else GaugeMetricFamily
            family = kind(f"narrascore_session_{name}", help_, labels=["session"])
            for session in live:
                family.add_metric([session.name], float(read(session)))
            yield family


def exposition(sessions: Sessions) -> bytes:
    """Everything, in Prometheus's text format."""
    live = CollectorRegistry()
    live.register(_Sessions(sessions))
    return generate_latest(REGISTRY) + generate_latest(live)


class Readiness(NamedTuple):
    """Whether a new session would be served now; if not, what stands against it, as sentences."""

    ready: bool
    reasons: tuple[str, ...]


def readiness(sessions: Sessions) -> Readiness:
    services, reasons = sessions.services, []
    if sessions.closing:
        reasons.append("The server is shutting down.")
    if len(sessions) >= services.settings.max_sessions:
        reasons.append("There are as many sessions as the server carries.")
    elif not sessions.closing and sessions.admission.refuses(len(sessions)):
        reasons.append("The machine is too busy for another session.")
    if not services.sensing.able:
        reasons.append("No thread is left to read pictures with: restart the service.")
    if any(session.composer_status.state == "failed" for session in sessions):
        reasons.append("A session's composer has been given up.")
    return Readiness(not reasons, tuple(reasons))


async def watch_loop() -> None:
    """Note how late the event loop is, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + LOOP_EVERY_S
        await asyncio.sleep(LOOP_EVERY_S)
        LOOP_LATE_S.observe(max(0.0, loop.time() - due_s))


async def metrics(request: Request) -> Response:
    """Names of sessions are in it: for who may watch them."""
    require_watch(request)
    return Response(exposition(sessions_of(request)), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def ready(request: Request) -> Response:
    """200 while a new session would be served, otherwise 503 and why."""
    state = readiness(sessions_of(request))
    return JSONResponse(
        {"ready": state.ready, "reasons": list(state.reasons)},
        200 if state.ready else 503,
        headers={} if state.ready else {"Retry-After": "10"},
    )


routes = [Route("/metrics", metrics), Route("/readyz", ready)]
