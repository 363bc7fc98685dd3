"""A session whose composer is a tiny MusicGen: the same service, another piece."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from composer.musicgen.factory import MusicGenFactory, prepare
from composer.musicgen.loading import Options
from stream.webrtc.loopback import Recording, listening, publishing
from tests.composer.musicgen import tiny_musicgen
from tests.e2e.test_loopback import Picture, loudness, service, session_of, silences_s, until

pytestmark = pytest.mark.e2e


def test_it_plays_says_its_licence_and_survives_being_killed(tmp_path: Path) -> None:
    options = Options(str(tiny_musicgen.write(tmp_path / "tiny")), backend="onnx", threads=1)
    assert prepare(options) == "tiny"

    async def scenario() -> None:
        recording = Recording()
        choices = {"ring_ms": 400, "composer_hang_s": 5.0, "composer_snapshot_s": 1.0, "warm_composers": 1}
        async with (
            service(MusicGenFactory(options), composer_start_timeout_s=120.0, **choices) as (app, url),
            publishing(url, iter(Picture(120, 120, 120)), fps=10),
            listening(url, recording),
        ):
            session = session_of(app)
            await until(lambda: session.composer_status.state == "playing", timeout_s=120.0)
            await until(lambda: "licence" in session.now_playing)
            assert "CC-BY-NC" in str(session.now_playing["licence"])
            began = len(recording.blocks)
            await until(lambda: len(recording.blocks) > began + 200)
            heard = recording.pcm()[960 * (began + 50) :]
            assert loudness(heard) > 1e-3
            assert max(silences_s(heard), default=0.0) < 0.5
            assert session.composer_pid is not None
            os.kill(session.composer_pid, signal.SIGKILL)
            await until(lambda: session.composer_status.restarts == 1)
            await until(lambda: session.composer_status.state == "playing", timeout_s=120.0)
            again = len(recording.blocks)
            await until(lambda: len(recording.blocks) > again + 150)
            assert loudness(recording.pcm()[960 * (again + 50) :]) > 1e-3

    asyncio.run(scenario())
