"""What OBS does not show its user, the studio page does: why a publisher was refused."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from stream.access import Access
from stream.doors import telemetry
from stream.session.refusals import MAX_NAMES, SHOWN_S, Refusals
from stream.settings import Settings
from tests import virtual_time
from tests.stream.offers import OBS_OFFER
from tests.stream.served import Client, served
from tests.stream.session.inline import registry

TOKEN = "publisher-token-0001"
SDP = {"Content-Type": "application/sdp", "Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served(Settings(port=0, warm_composers=0, max_sessions=16, access=Access(publish=TOKEN))) as client:
        yield client


def test_the_last_refusal_of_a_name_is_kept_for_a_while() -> None:
    now_s = 0.0
    refusals = Refusals(lambda: now_s)
    assert refusals.latest("live") == ""
    refusals.note("live", "First.")
    refusals.note("live", "Second.")
    refusals.note("other", "Third.")
    now_s = SHOWN_S - 1
    assert refusals.latest("live").endswith("Second.") and refusals.latest("other").endswith("Third.")
    refusals.forget("live")
    assert refusals.latest("live") == ""
    now_s = SHOWN_S + 1
    assert refusals.latest("other") == ""


def test_names_that_somebody_makes_up_do_not_fill_the_memory() -> None:
    refusals = Refusals(time.monotonic)
    for n in range(10 * MAX_NAMES):
        refusals.note(f"room{n}", "No.")
    kept = [n for n in range(10 * MAX_NAMES) if refusals.latest(f"room{n}")]
    assert kept == list(range(9 * MAX_NAMES, 10 * MAX_NAMES))


def test_names_that_somebody_makes_up_push_no_session_out() -> None:
    refusals = Refusals(time.monotonic, {"live", "game"}.__contains__)
    refusals.note("live", "HEVC.")
    for n in range(10 * MAX_NAMES):
        refusals.note(f"room{n}", "No.")
    assert refusals.latest("live").endswith("HEVC.")
    assert sum(bool(refusals.latest(f"room{n}")) for n in range(10 * MAX_NAMES)) == MAX_NAMES - 1


def test_a_refusal_hides_nothing_else_the_page_says() -> None:
    """Whoever has no token is refused too."""

    class Outbox:
        def __init__(self) -> None:
            self.notices: list[object] = []

        def post(self, message: dict[str, object]) -> None:
            if message["type"] == "telemetry":
                self.notices.append(message["notice"])

    async def scenario() -> list[object]:
        outbox = Outbox()
        async with registry() as sessions:
            session = sessions.get_or_begin("live")
            session.remark("recording", lambda: "The recording has stopped.")
            sessions.note_refusal("live", "This needs a token.")
            sessions.note_refusal("no/name", "This needs a token.")
            assert sessions.refusals.latest("no/name") == ""
            report = asyncio.create_task(telemetry._report(outbox, session, sessions))  # type: ignore[arg-type]
            await asyncio.sleep(0.25)
            session.remark("recording", None)
            await asyncio.sleep(0.25)
            report.cancel()
        return outbox.notices

    refused = "A publisher was refused. This needs a token."
    assert list(dict.fromkeys(virtual_time.run(scenario()))) == [
        f"The recording has stopped. {refused}",
        refused,
    ]


def offer_with(codec: str) -> str:
    return OBS_OFFER.replace("H264/90000", f"{codec}/90000")


@pytest.mark.parametrize(
    ("name", "headers", "offer", "status", "words"),
    [
        ("hevc", SDP, offer_with("H265"), 422, ("HEVC", "H.264", "Output")),
        ("av1", SDP, offer_with("AV1"), 422, ("AV1", "H.264", "Output")),
        ("odd", SDP, offer_with("THEORA"), 422, ("H.264", "Output")),
        ("layers", SDP, OBS_OFFER + "a=rid:0 send\r\na=simulcast:send 0\r\n", 422, ("Simulcast", "off")),
        ("stranger", {**SDP, "Authorization": "Bearer nobody"}, OBS_OFFER, 401, ("token", "copy it again")),
        ("nothing", SDP, "hello", 400, ("SDP",)),
    ],
)
def test_the_studio_page_says_what_to_change(
    client: Client, name: str, headers: dict[str, str], offer: str, status: int, words: tuple[str, ...]
) -> None:
    """Before the page was opened or after: OBS has been refused, and its user goes looking."""
    reply = client.send("POST", f"/whip/{name}", headers, offer)
    assert reply.status == status
    detail = json.loads(reply.body)["detail"]
    assert all(word in detail for word in words), detail
    with connect(f"{client.ws}/ws/{name}") as socket:
        messages = [json.loads(socket.recv(timeout=5)) for _ in range(3)]
        assert {m["notice"] for m in messages if m["type"] == "telemetry"} == {
            f"A publisher was refused. {detail}"
        }
        client.send("POST", f"/whip/{name}", SDP, offer_with("VP9"))
        for _ in range(20):
            if re.search("VP9.*H.264", json.loads(socket.recv(timeout=5)).get("notice", "")):
                break
        else:
            pytest.fail("the page was not told of the newest refusal")


def test_a_publisher_that_was_taken_ends_the_notice(client: Client) -> None:
    client.send("POST", "/whip/later", SDP, offer_with("AV1"))
    reply = client.send("POST", "/whip/later", SDP, OBS_OFFER)
    assert reply.status == 201
    with connect(f"{client.ws}/ws/later") as socket:
        messages = [json.loads(socket.recv(timeout=5)) for _ in range(3)]
    assert {m["notice"] for m in messages if m["type"] == "telemetry"} == {""}
    assert client.send("DELETE", reply.headers["location"], SDP).status == 200
