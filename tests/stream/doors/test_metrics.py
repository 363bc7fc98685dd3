from __future__ import annotations

import io
import json
import logging
import sys

import pytest
from rich.console import Console

from stream.access import Access
from stream.cli import top
from stream.json_log import JsonFormatter
from stream.process_cost import WORK, spent
from stream.settings import Settings
from tests.stream.offers import OBS_OFFER
from tests.stream.served import served

SDP = {"Content-Type": "application/sdp"}


def shown(now: top.Scrape, before: top.Scrape | None) -> str:
    console = Console(file=io.StringIO(), width=220)
    console.print(top.view(now, before))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_session_shows_in_metrics_and_in_top_and_leaves_with_it() -> None:
    with served(Settings(port=0, max_sessions=1, idle_end_s=0.0)) as client:
        assert client.json("/readyz") == {"ready": True, "reasons": []}
        reply = client.send("POST", "/whip/game", SDP, OBS_OFFER)
        assert reply.status == 201
        page = client.send("GET", "/metrics")
        assert page.status == 200 and page.headers["content-type"].startswith("text/plain")
        now = top.parse(page.body, 1.0)
        assert set(now.sessions) == {"game"} and now.plain["narrascore_sessions"] == 1.0
        assert now.sessions["game"]["frames_total"] == 0.0 and now.sessions["game"]["publishing"] == 0.0
        assert 0.12 <= now.sessions["game"]["ahead_seconds"] <= 0.24
        assert set(now.stages) == set(top.STAGES)
        assert set(now.work) <= {*WORK.values(), "other"}
        if sys.platform == "linux":
            assert {"loop", "encode", "sense"} <= set(now.work)
            later = top.parse(client.send("GET", "/metrics").body, 2.0)
            assert "processor: " in shown(later, now)
        assert "game" in shown(now, None) and "1 of 1 sessions" in shown(now, None)

        full = client.send("GET", "/readyz")
        assert full.status == 503 and "retry-after" in full.headers
        assert client.send("POST", "/whip/other", SDP, OBS_OFFER).status == 503
        assert 'narrascore_refused_total{status="503"}' in client.send("GET", "/metrics").body
        client.send("DELETE", reply.headers["location"])
        while client.json("/healthz")["sessions"]:
            pass
        assert top.parse(client.send("GET", "/metrics").body, 2.0).sessions == {}


def test_names_of_sessions_are_for_who_may_watch() -> None:
    with served(Settings(port=0, access=Access(full="a" * 24))) as client:
        assert client.send("GET", "/metrics").status == 401
        assert client.send("GET", "/metrics", {"Authorization": "Bearer " + "a" * 24}).status == 200
        assert client.send("GET", "/readyz").status == 200


def test_rates_are_over_the_time_between_two_looks() -> None:
    def scrape(t_s: float, frames: float, cpu_s: float) -> top.Scrape:
        figures = {"frames_total": frames, "composer_cpu_seconds_total": cpu_s, "publishing": 1.0}
        return top.Scrape(t_s, {"game": figures}, {"read": (10 * t_s, 0.2 * t_s)}, {})

    text = shown(scrape(2.0, 90.0, 1.0), scrape(0.0, 30.0, 0.5))
    assert "30.0" in text and "25%" in text and "live" in text and "read 20.0 ms" in text
    # A composer that was replaced starts again from nothing.
    given_up = scrape(2.0, 90.0, 1.0)._replace(plain={"narrascore_load_level": 3.0}, work={"sense": 0.5})
    assert "key frames given up" in shown(given_up, scrape(0.0, 30.0, 0.5))
    assert "processor: sense 25 %" in shown(given_up, scrape(0.0, 30.0, 0.5))
    assert "0%" in shown(scrape(2.0, 90.0, 0.1), scrape(0.0, 30.0, 0.5))


@pytest.mark.parametrize("pid", [None, 0, 2**30])
def test_a_process_that_is_not_there_costs_nothing(pid: int | None) -> None:
    assert spent(pid) == (0.0, 0.0)


def test_logs_as_json_name_the_session() -> None:
    def said(message: str, *args: object, exc_info: bool = False) -> dict[str, str]:
        record = logging.LogRecord("stream.x", logging.WARNING, "x.py", 1, message, args, None)
        if exc_info:
            try:
                raise OSError("disk")
            except OSError as error:
                record.exc_info = (OSError, error, error.__traceback__)
        told: dict[str, str] = json.loads(JsonFormatter().format(record))
        return told

    told = said("session %s: composer lost (%s)", "game", "line\nbreak")
    assert (told["session"], told["message"], told["level"]) == (
        "game",
        "composer lost (line\nbreak)",
        "warning",
    )
    assert "session" not in said("the server ends")
    assert "OSError: disk" in said("it broke", exc_info=True)["error"]
