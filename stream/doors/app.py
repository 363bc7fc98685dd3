"""The service as one ASGI application. Nothing runs until its lifespan begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from stream import clock
from stream.composing.offer import Ensemble, Offer
from stream.doors import audio_http, metrics, pages, pcm_socket, telemetry, whep, whip
from stream.doors.gatekeeper import Gatekeeper
from stream.doors.problems import on_fault, on_http_exception, on_refused
from stream.doors.signalling_limit import Allowance, SignallingLimit
from stream.errors import Refused
from stream.precedence import quick_handover
from stream.recording.recorder import Provenance, nothing_known
from stream.sensing.mood import WindowFactory
from stream.sensing.readers import SensingPool, SensorFactory
from stream.session.companions import lasting
from stream.session.services import Services
from stream.session.sessions import Companion, Sessions
from stream.settings import Settings
from stream.sound.opus import encode_silence


def create_app(
    settings: Settings,
    *,
    sensor_factory: SensorFactory,
    windows: Mapping[str, WindowFactory],
    composers: Sequence[Offer],
    presets: Sequence[str],
    companions: Sequence[Companion] = (),
    provenance: Provenance = nothing_known,
) -> Starlette:
    """The application. While its lifespan runs, `app.state.sessions` is the `Sessions` registry.

    A session may choose any of `composers` and begins with the first; their factories are pickled and called
    in other processes. `sensor_factory` is called on a sensing thread. `provenance` is for recordings.
    `companions` run beside the sessions, from the first request to the last.

    Raises ValueError when there is no composer, no anchor to begin with, or no window of the reactivity in
    `settings`.
    """
    if settings.reactivity and settings.reactivity not in windows:
        raise ValueError(f"The reactivity is one of {', '.join(windows)}.")
    if not (settings.default_anchor or presets):
        raise ValueError("give at least one preset, or a default anchor")
    ensemble = Ensemble(composers, settings)
    ensemble.first.read_anchor(settings.default_anchor or presets[0])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        services = Services(
            settings,
            clock.monotonic,
            SensingPool(
                sensor_factory,
                clock.monotonic,
                threads=settings.sensing_threads,
                readings_hz=settings.readings_hz,
                duty=settings.sensing_duty,
                hang_s=settings.sensor_hang_s,
            ),
            ensemble,
            windows,
            tuple(presets),
            encode_silence(),
            provenance,
        )
        services.sensing.start()
        await asyncio.to_thread(services.composers.start)
        try:
            with quick_handover():
                async with Sessions(services) as sessions:
                    app.state.sessions = sessions
                    beside: list[tuple[str, Callable[[], Awaitable[None]]]] = [
                        ("A companion", partial(companion, sessions)) for companion in companions
                    ]
                    beside.append(("Watching the event loop", metrics.watch_loop))
                    if settings.govern:
                        beside.append(("Watching the load", partial(sessions.admission.govern, sessions)))
                    async with asyncio.TaskGroup() as tasks:
                        running = [tasks.create_task(lasting(what, work)) for what, work in beside]
                        yield
                        for task in running:
                            task.cancel()
        finally:
            await asyncio.to_thread(services.composers.close)
            await asyncio.to_thread(services.sensing.close)

    app = Starlette(
        routes=[
            *pages.routes,
            *whip.routes,
            *whep.routes,
            *telemetry.routes,
            *metrics.routes,
            *audio_http.routes,
            *pcm_socket.routes,
        ],
        middleware=[
            Middleware(
                Gatekeeper,
                hosts=(*settings.allowed_hosts, settings.host),
                origins=settings.allowed_origins,
            ),
            Middleware(
                SignallingLimit,
                allowance=Allowance(settings.signalling_burst, settings.signalling_per_s, clock.monotonic),
            ),
        ],
        exception_handlers={Refused: on_refused, HTTPException: on_http_exception, Exception: on_fault},
        lifespan=lifespan,
    )
    app.state.access = settings.access
    return app
