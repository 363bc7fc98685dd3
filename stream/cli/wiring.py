"""The real service put together: which sensor, which window, which composer."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from stream.cli.music import WARM_ANCHOR, symbolic
from stream.cli.story import beside
from stream.cli.terminal import fail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.applications import Starlette

    from sensor.adaptation import AdaptationMode
    from sensor.vlm.host import SlowReading
    from stream.composing.offer import Offer
    from stream.session.sessions import Companion
    from stream.settings import Settings

DEFAULT_REACTIVITY = "balanced"


def provenance() -> dict[str, Any]:
    """What reads the picture, and the licenses, for recordings. Composers say of themselves what they are."""
    from sensor.probe import load_probe

    sensor = load_probe().card
    return {
        "models": [{key: sensor.get(key) for key in ("name", "data", "encoder", "weights_sha256")}],
        "licenses": {
            "program": "Apache-2.0",
            "sound": "made by this program as it plays: it holds no samples of recordings",
        },
    }


def make_app(
    settings: Settings,
    adaptation: AdaptationMode = "off",
    companions: Sequence[Companion] = (),
    slow: SlowReading | None = None,
    offers: Sequence[Offer] = (),
) -> Starlette:
    """The real service: EfficientNet-Lite sensor, 8 s window, the composers in `offers` or the shipped one.

    `settings.reactivity` names a preset of the window: calm, balanced (also when empty) or reactive.
    `adaptation` says how far a session's own range of readings is stretched over minutes: off, half or full.
    `companions` run beside the sessions; `slow`, a vision-language model's reading, is kept among them.
    Raises WeightsError or SensorError when weights cannot be used or a name is unknown, before anything is
    started.
    """
    from composer.presets import DEFAULT_PRESET, PRESETS
    from sensor.live import LiveSensor, create_eye
    from sensor.vlm.live import FusedSensor
    from sensor.window import PRESETS as WINDOWS
    from sensor.window import AffectWindow
    from stream.doors.app import create_app
    from stream.ports import Sensor, Window

    composers = offers or [symbolic()]
    # There is no other way to tell the process that composers are forked from.
    os.environ[WARM_ANCHOR] = settings.default_anchor or DEFAULT_PRESET
    eye = create_eye()
    LiveSensor(eye, adaptation)  # an unknown name is refused now, not in a session

    def sensor() -> LiveSensor | FusedSensor:
        if slow is None:
            return LiveSensor(eye, adaptation)
        return FusedSensor(LiveSensor(eye), slow.open(), adaptation)

    names = [DEFAULT_PRESET, *(name for name in PRESETS if name != DEFAULT_PRESET)]
    return create_app(
        replace(settings, reactivity=settings.reactivity or DEFAULT_REACTIVITY),
        # Each package has its own Reading and Affect, alike field by field; nominal types cannot see that.
        sensor_factory=lambda: cast("Sensor", sensor()),
        windows={name: cast("Callable[[], Window]", partial(AffectWindow, name)) for name in WINDOWS},
        composers=composers,
        presets=names,
        companions=[*companions, *([] if slow is None else [beside(slow)])],
        provenance=provenance,
    )


def app_or_exit(
    settings: Settings,
    adaptation: AdaptationMode = "off",
    companions: Sequence[Companion] = (),
    slow: SlowReading | None = None,
    offers: Sequence[Offer] = (),
) -> Starlette:
    from composer.errors import ComposerError
    from sensor.errors import SensorError

    try:
        return make_app(settings, adaptation, companions, slow, offers)
    except (ComposerError, SensorError, ValueError) as error:
        raise fail(str(error)) from error
