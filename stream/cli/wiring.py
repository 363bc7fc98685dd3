"""The real service put together: which sensor, which window, which composer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from stream.cli.music import read_prompt
from stream.cli.story import beside
from stream.cli.terminal import fail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.applications import Starlette

    from sensor.adaptation import AdaptationMode
    from sensor.vlm.host import SlowReading
    from stream.cli.music import Musician
    from stream.ports import AnchorReply
    from stream.session.sessions import Companion
    from stream.settings import Settings

DEFAULT_REACTIVITY = "balanced"


def read_anchor(text: str) -> AnchorReply:
    """The composer's reading of an anchor, in the stream's words."""
    from composer.anchor import read_anchor as read
    from stream.ports import AnchorReply

    anchor = read(text)
    return AnchorReply(
        anchor.preset_name,
        anchor.genre,
        anchor.instrumentation,
        anchor.atmosphere,
        anchor.pacing,
        anchor.understood,
        anchor.ignored,
    )


def provenance(musician: Musician | None = None) -> dict[str, Any]:
    """The models that make the music and read the picture, for recordings: names, hashes, data, licenses."""
    from composer.weights import read_card
    from sensor.probe import load_probe

    composer, sensor = read_card(), load_probe().card
    return {
        "models": [
            {key: composer.get(key) for key in ("name", "licence", "files", "data", "training")}
            if musician is None
            else musician.card,
            {key: sensor.get(key) for key in ("name", "data", "encoder", "weights_sha256")},
        ],
        "licenses": {
            "program": "Apache-2.0",
            "sound": "synthesized by this program as it plays: it holds no samples of recordings",
        },
    }


def make_app(
    settings: Settings,
    adaptation: AdaptationMode = "off",
    companions: Sequence[Companion] = (),
    slow: SlowReading | None = None,
    musician: Musician | None = None,
) -> Starlette:
    """The real service: EfficientNet-Lite sensor, 8 s window, symbolic composer or `musician`.

    `settings.reactivity` names a preset of the window: calm, balanced (also when empty) or reactive.
    `adaptation` says how far a session's own range of readings is stretched over minutes: off, half or full.
    `companions` run beside the sessions; `slow`, a vision-language model's reading, is kept among them.
    Raises WeightsError or SensorError when weights cannot be used or a name is unknown, before anything is
    started.
    """
    from composer.presets import DEFAULT_PRESET, PRESETS
    from composer.weights import playable, read
    from sensor.live import LiveSensor, create_eye
    from sensor.vlm.live import FusedSensor
    from sensor.window import PRESETS as WINDOWS
    from sensor.window import AffectWindow
    from stream.cli.telling import create, open_notes
    from stream.doors.app import create_app
    from stream.ports import Sensor, Window

    if musician is None:
        playable(read())  # a composer process would fail with the same error, but later and out of sight
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
        composer_factory=create if musician is None else musician.factory,
        read_anchor=read_anchor if musician is None else read_prompt,
        presets=names,
        companions=[*companions, *([] if slow is None else [beside(slow)])],
        provenance=partial(provenance, musician),
        open_notes=open_notes if musician is None else None,
        composer_modules=("stream.cli.__main__", "stream.cli.warm") if musician is None else (),
    )


def app_or_exit(
    settings: Settings,
    adaptation: AdaptationMode = "off",
    companions: Sequence[Companion] = (),
    slow: SlowReading | None = None,
    musician: Musician | None = None,
) -> Starlette:
    from composer.errors import ComposerError
    from sensor.errors import SensorError

    try:
        return make_app(settings, adaptation, companions, slow, musician)
    except (ComposerError, SensorError, ValueError) as error:
        raise fail(str(error)) from error
