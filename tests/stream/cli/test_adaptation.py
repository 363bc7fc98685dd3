"""`narrascore serve --adaptation`: known names only, and each session's sensor gets what was chosen."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from sensor.errors import SensorError
from stream.cli.__main__ import make_command
from stream.cli.wiring import make_app
from stream.settings import Settings


def test_an_unknown_name_is_refused_before_anything_starts() -> None:
    with pytest.raises(SensorError, match="off, half, full"):
        make_app(Settings(), adaptation="much")  # type: ignore[arg-type]


def test_the_command_knows_three() -> None:
    done = CliRunner().invoke(make_command(), ["serve", "--adaptation", "much"])
    assert done.exit_code == 2
    assert all(name in done.output for name in ("off", "half", "full"))


@pytest.mark.parametrize("mode", ["off", "full"])
def test_sessions_get_it(mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr("stream.doors.app.create_app", lambda settings, **parts: seen.update(parts))
    asked = []
    monkeypatch.setattr("sensor.live.LiveSensor", lambda eye, adaptation="off": asked.append(adaptation))
    make_app(Settings(), adaptation=mode)
    asked.clear()
    seen["sensor_factory"]()
    assert asked == [mode]
