"""The real service put together: which sensor, which window, which composer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from stream.cli.terminal import fail

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from stream.ports import AnchorReply
    from stream.settings import Settings


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


def make_app(settings: Settings, reactivity: str = "balanced") -> Starlette:
    """The real service: EfficientNet-Lite sensor, 8 s window, symbolic composer.

    `reactivity` names a preset of the window: calm, balanced or reactive.
    Raises WeightsError or SensorError when weights cannot be used, before anything is started.
    """
    import torch

    from composer.presets import DEFAULT_PRESET, PRESETS
    from composer.symbolic import create
    from composer.weights import playable, read
    from sensor.live import LiveSensor, create_eye
    from sensor.window import AffectWindow
    from stream.app import create_app
    from stream.ports import Sensor, Window

    playable(read())  # a composer process would fail with the same error, but later and out of sight
    torch.set_num_threads(1)
    eye = create_eye()
    names = [DEFAULT_PRESET, *(name for name in PRESETS if name != DEFAULT_PRESET)]
    return create_app(
        settings,
        # Each package has its own Reading and Affect, alike field by field; nominal types cannot see that.
        sensor_factory=lambda: cast("Sensor", LiveSensor(eye)),
        window_factory=lambda: cast("Window", AffectWindow(reactivity)),
        composer_factory=create,
        read_anchor=read_anchor,
        presets=names,
    )


def app_or_exit(settings: Settings, reactivity: str = "balanced") -> Starlette:
    from composer.errors import ComposerError
    from sensor.errors import SensorError

    try:
        return make_app(settings, reactivity)
    except (ComposerError, SensorError, ValueError) as error:
        raise fail(str(error)) from error
