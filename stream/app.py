"""The service as one ASGI application. Nothing runs until its lifespan begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from stream import clock, pages, telemetry, whep, whip
from stream.composer_pool import ComposerPool
from stream.errors import Refused
from stream.gatekeeper import Gatekeeper
from stream.opus import encode_silence
from stream.ports import ComposerFactory, ReadAnchor
from stream.precedence import quick_handover
from stream.problems import on_fault, on_http_exception, on_refused
from stream.sensing import SensingPool, SensorFactory
from stream.services import Services, WindowFactory
from stream.sessions import Sessions
from stream.settings import Settings


def create_app(
    settings: Settings,
    *,
    sensor_factory: SensorFactory,
    window_factory: WindowFactory,
    composer_factory: ComposerFactory,
    read_anchor: ReadAnchor,
    presets: Sequence[str],
) -> Starlette:
    """The application. While its lifespan runs, `app.state.sessions` is the `Sessions` registry.

    `composer_factory` is pickled by name and called in another process; `sensor_factory` is called on a
    sensing thread.

    Raises ValueError when there is no anchor to begin with.
    """
    if not (settings.default_anchor or presets):
        raise ValueError("give at least one preset, or a default anchor")
    read_anchor(settings.default_anchor or presets[0])

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
            ),
            ComposerPool(composer_factory, settings.warm_composers),
            window_factory,
            read_anchor,
            tuple(presets),
            encode_silence(),
        )
        services.sensing.start()
        await asyncio.to_thread(services.composers.start)
        try:
            with quick_handover():
                async with Sessions(services) as sessions:
                    app.state.sessions = sessions
                    yield
        finally:
            await asyncio.to_thread(services.composers.close)
            await asyncio.to_thread(services.sensing.close)

    return Starlette(
        routes=[*pages.routes, *whip.routes, *whep.routes, *telemetry.routes],
        middleware=[
            Middleware(
                Gatekeeper,
                hosts=(*settings.allowed_hosts, settings.host),
                origins=settings.allowed_origins,
            ),
        ],
        exception_handlers={Refused: on_refused, HTTPException: on_http_exception, Exception: on_fault},
        lifespan=lifespan,
    )
