"""Routes, limits and refusals, without a peer: every answer that needs no WebRTC."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from stream.settings import Settings
from tests.stream import scripted
from tests.stream.offers import OBS_OFFER, listen_offer
from tests.stream.served import Client, scripted_app, served

SDP = {"Content-Type": "application/sdp"}
FOREIGN = "https://example.org"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served(Settings(port=0, warm_composers=0, max_sessions=2, idle_end_s=0.0)) as client:
        yield client


@pytest.fixture(scope="module")
def open_client() -> Iterator[Client]:
    with served(Settings(port=0, warm_composers=0, max_sessions=4, allowed_origins=(FOREIGN,))) as client:
        yield client


@pytest.mark.parametrize("way", ["whip", "whep"])
@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/{way}", SDP, "hello", 400),
        ("/{way}", SDP, "", 400),
        ("/{way}", {"Content-Type": "application/json"}, "{}", 415),
        ("/{way}", {}, "v=0", 415),
        ("/{way}", SDP, "v=0\r\n" + "a=x\r\n" * 20_000, 413),
    ],
)
def test_a_bad_offer_is_a_problem(
    client: Client, way: str, path: str, headers: dict[str, str], body: str, status: int
) -> None:
    reply = client.send("POST", path.format(way=way), headers, body)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = json.loads(reply.body)
    assert set(problem) == {"type", "title", "status", "detail"} and problem["status"] == status
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("name", ["not%20a%20name", "x" * 65, "caf%C3%A9"])
def test_a_bad_session_name_is_a_problem(client: Client, name: str) -> None:
    for way, offer in (("whip", OBS_OFFER), ("whep", listen_offer())):
        reply = client.send("POST", f"/{way}/{name}", SDP, offer)
        assert reply.status == 400 and "session name" in reply.body


def test_codecs_are_refused_with_advice(client: Client) -> None:
    reply = client.send("POST", "/whip", SDP, OBS_OFFER.replace("H264", "H265"))
    assert reply.status == 422 and "H.264" in reply.body
    high = OBS_OFFER.replace("profile-level-id=42e01f", "profile-level-id=640c1f")
    reply = client.send("POST", "/whip", SDP, high)
    assert reply.status == 422 and "baseline" in reply.body
    reply = client.send("POST", "/whep", SDP, OBS_OFFER)
    assert reply.status == 422 and "audio" in reply.body


@pytest.mark.parametrize("way", ["whip", "whep"])
@pytest.mark.parametrize("method", ["DELETE", "PATCH", "GET"])
def test_an_unknown_resource_is_404(client: Client, way: str, method: str) -> None:
    reply = client.send(method, f"/{way}/live/nobody")
    assert reply.status == 404 and json.loads(reply.body)["status"] == 404


def test_refused_offers_begin_no_session(open_client: Client) -> None:
    for n in range(6):
        open_client.send("POST", f"/whip/room{n}", SDP, "hello")
        open_client.send("POST", f"/whep/room{n}", SDP, OBS_OFFER)
    assert open_client.json("/healthz") == {"status": "ok", "sessions": 0}


def test_the_server_says_when_it_is_full(open_client: Client) -> None:
    names = ["one", "two", "three", "four"]
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connect(f"{open_client.ws}/ws/{name}")) for name in names]
        assert all(json.loads(s.recv())["type"] == "hello" for s in sockets)
        reply = open_client.send("POST", "/whep/five", SDP, listen_offer())
        assert reply.status == 503 and int(reply.headers["retry-after"]) > 0
        with connect(f"{open_client.ws}/ws/five") as refused, pytest.raises(ConnectionClosed) as closed:
            refused.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013
        assert open_client.json("/healthz")["sessions"] == 4


def test_get_is_empty_and_preflights_are_answered(open_client: Client) -> None:
    for path in ("/whip", "/whip/live", "/whep"):
        reply = open_client.send("GET", path)
        assert reply.status == 204 and not reply.body
    preflight = {"Origin": FOREIGN, "Access-Control-Request-Method": "POST"}
    reply = open_client.send("OPTIONS", "/whip/live", preflight)
    assert reply.status == 200 and reply.headers["accept-post"] == "application/sdp"
    assert reply.headers["access-control-allow-origin"] == FOREIGN
    assert "DELETE" in reply.headers["access-control-allow-methods"]
    assert "If-Match" in reply.headers["access-control-allow-headers"]
    reply = open_client.send("POST", "/whip", {**SDP, "Origin": FOREIGN}, "x")
    assert reply.status == 400
    assert {"Location", "Link", "ETag"} <= set(reply.headers["access-control-expose-headers"].split(", "))


def test_foreign_pages_and_foreign_names_are_kept_out(client: Client) -> None:
    evil = {"Origin": "https://evil.example"}
    assert client.send("POST", "/whip", {**SDP, **evil}, OBS_OFFER).status == 403
    assert client.send("OPTIONS", "/whip", evil).status == 403
    assert client.send("GET", "/healthz", {"Host": "evil.example:8080"}).status == 403
    # A rebound name makes the foreign page same-origin: the host check is what stops it.
    rebound = {"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}
    assert client.send("POST", "/whip", {**SDP, **rebound}, OBS_OFFER).status == 403
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(client.ws + "/ws/live", additional_headers=evil),
    ):
        pass
    assert refused.value.response.status_code == 403
    own = {"Origin": client.url}
    assert client.send("POST", "/whip", {**SDP, **own}, "x").status == 400
    with connect(client.ws + "/ws/live", additional_headers=own) as socket:
        assert json.loads(socket.recv())["type"] == "hello"


def next_answer(socket: ClientConnection) -> Any:
    while (message := json.loads(socket.recv()))["type"] == "telemetry":
        pass
    return message


def test_the_socket_answers_and_stays_open(client: Client) -> None:
    with connect(client.ws + "/ws/live") as socket:
        assert next_answer(socket)["type"] == "hello"
        for bad in ("not json", b"\x00", "x" * 20_000):
            socket.send(bad)
            assert next_answer(socket)["type"] == "error"
        socket.send(json.dumps({"type": "volume", "value": 0.5}))
        assert next_answer(socket) == {"type": "ok", "to": "volume"}
        with connect(client.ws + "/ws/live") as other:
            assert next_answer(other)["volume"] == 0.5


def test_a_bad_session_name_closes_the_socket(client: Client) -> None:
    with connect(client.ws + "/ws/no%20name") as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


def test_small_routes(client: Client) -> None:
    assert client.json("/api/presets") == {"presets": list(scripted.PRESETS), "default": "slow piano"}
    assert client.send("GET", "/nowhere").status == 404
    assert client.send("PUT", "/whip").status == 405
    for path in ("/pages/..%2fapp.py", "/pages/app.py", "/pages/nothing.js", "/pages/../app.py"):
        assert client.send("GET", path).status == 404
    page = client.send("GET", "/")
    assert page.status == 200 and "<html" in page.body
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


def test_an_app_needs_an_anchor() -> None:
    with pytest.raises(ValueError, match="anchor"):
        scripted_app(Settings(default_anchor="   "))
