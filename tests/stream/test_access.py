"""Tokens and rights: what each token opens, how it may come, and that nothing writes it down."""

from __future__ import annotations

import http.client
import json
import logging
import urllib.parse
from collections.abc import Iterator

import pytest
from starlette.requests import HTTPConnection
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from stream.access import ALL_RIGHTS, OPEN, SUBPROTOCOL, Access, Right, hide_token, make_token, token_of
from stream.settings import Settings
from tests.stream.offers import OBS_OFFER, listen_offer
from tests.stream.served import Client, scripted_app, served

FULL = "full-token-full-token"
TOKENS = {
    Right.PUBLISH: "publish-token-publish",
    Right.LISTEN: "listen-token-listen-t",
    Right.CONTROL: "control-token-control",
}
ACCESS = Access(FULL, *TOKENS.values())
WRONG = "wrong-token-wrong-tok"
SDP = {"Content-Type": "application/sdp"}

PUBLIC = {"/", "/source", "/pages/{file}", "/healthz", "/readyz"}
"""What needs no token: the pages hold no secret, and the health check none either."""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    settings = Settings(port=0, warm_composers=0, access=ACCESS, signalling_burst=10_000)
    with served(settings) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def test_each_token_opens_its_own_right_only() -> None:
    assert ACCESS.rights(FULL) == ALL_RIGHTS
    for right, token in TOKENS.items():
        assert ACCESS.rights(token) == {right}
        assert ACCESS.token_for(right) == token
    for nobody in ("", WRONG, FULL[:-1], FULL + "x", FULL.upper()):
        assert ACCESS.rights(nobody) == frozenset()


def test_a_right_without_a_token_is_everybodys() -> None:
    assert OPEN.rights("") == OPEN.rights(WRONG) == ALL_RIGHTS and not OPEN.guarded
    only = Access(publish=TOKENS[Right.PUBLISH])
    assert only.rights("") == {Right.LISTEN, Right.CONTROL}
    assert only.rights(TOKENS[Right.PUBLISH]) == ALL_RIGHTS
    assert Access(full=FULL).rights("") == frozenset()


@pytest.mark.parametrize(
    "token", ["short", "x" * 129, "spaces are not allowed", "comma,comma,comma,comma", "é" * 20]
)
def test_a_token_that_could_not_travel_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="16 to 128"):
        Access(full=token)


def test_made_tokens_are_good_and_differ() -> None:
    made = {make_token() for _ in range(64)}
    assert len(made) == 64
    for token in made:
        assert Access(full=token).rights(token) == ALL_RIGHTS


def test_settings_do_not_show_tokens() -> None:
    shown = repr(Settings(access=ACCESS)) + str(ACCESS)
    assert not any(token in shown for token in (FULL, *TOKENS.values()))


def connection(method: str, query: str, headers: dict[str, str], kind: str = "http") -> HTTPConnection:
    scope = {
        "type": kind,
        "method": method,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "subprotocols": ["narrascore", f"bearer.{FULL}"] if kind == "websocket" else [],
    }
    hide_token(scope)
    assert b"token" not in scope["query_string"]
    return HTTPConnection(scope)


def test_a_token_in_the_address_is_for_reading_only_and_is_hidden() -> None:
    assert token_of(connection("GET", f"a=1&token={FULL}&b=", {})) == FULL
    assert connection("GET", f"a=1&token={FULL}&b=", {}).scope["query_string"] == b"a=1&b="
    assert token_of(connection("POST", f"token={FULL}", {})) == ""
    assert token_of(connection("GET", f"token={WRONG}", bearer(FULL))) == FULL
    assert token_of(connection("GET", "", {"Authorization": "Basic abc"})) == ""
    assert token_of(connection("GET", "", {}, "websocket")) == FULL


def status(client: Client, method: str, path: str, headers: dict[str, str], body: str = "") -> int:
    return client.send(method, path, headers, body).status


def test_every_route_that_is_not_public_needs_a_token(client: Client) -> None:
    """Whoever adds a route and forgets to ask fails here."""
    settings = Settings(port=0, access=ACCESS)
    for route in scripted_app(settings).routes:
        assert isinstance(route, Route | WebSocketRoute)
        if route.path in PUBLIC and not isinstance(route, WebSocketRoute) and "GET" in (route.methods or ()):
            continue
        path = route.path.format(session="live", peer="nobody", file="x.js")
        if isinstance(route, WebSocketRoute):
            for token in ("", WRONG, TOKENS[Right.PUBLISH]):
                assert closed(client, path, token).code == 1008, (path, token)
            continue
        for method in (route.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            if route.path == "/":
                continue  # leads to /whip, which asks
            assert status(client, method, path, SDP) == 401, (method, path)
            assert status(client, method, path, {**SDP, **bearer(WRONG)}) == 401, (method, path)
        if "GET" in (route.methods or ()):
            # An endpoint that answers GET with nothing tells nothing.
            assert read_status(client, path) in (401, 204), path


def read_status(client: Client, path: str) -> int:
    """Of a GET whose body may never end."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(client.url).netloc, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def closed(client: Client, path: str, token: str) -> Close:
    """How the service ends a socket that it should not serve."""
    with (
        connect(client.ws + path, additional_headers=bearer(token)) as socket,
        pytest.raises(ConnectionClosed) as ended,
    ):
        socket.recv(timeout=5)
    assert ended.value.rcvd is not None
    return ended.value.rcvd


def test_publish_listen_and_control_are_separate(client: Client) -> None:
    tries = (("/whip", OBS_OFFER, Right.PUBLISH), ("/whep", listen_offer(), Right.LISTEN))
    for path, offer, needed in tries:
        for right, token in TOKENS.items():
            reply = client.send("POST", path, {**SDP, **bearer(token)}, offer)
            assert reply.status == (201 if right is needed else 403), (path, right)
            if right is not needed:
                assert "insufficient_scope" in reply.headers["www-authenticate"]
                continue
            resource = reply.headers["location"]
            assert status(client, "DELETE", resource, {}) == 401
            assert status(client, "PATCH", resource, bearer(WRONG)) == 401
            others = [t for r, t in TOKENS.items() if r is not needed]
            assert {status(client, "DELETE", resource, bearer(t)) for t in others} == {403}
            assert status(client, "DELETE", resource, bearer(token)) == 200
    reply = client.send("POST", "/whip", SDP, OBS_OFFER)
    assert reply.status == 401 and reply.headers["www-authenticate"].startswith("Bearer")
    assert json.loads(reply.body)["detail"].endswith(".")


def next_answer(socket: ClientConnection) -> dict[str, str]:
    while (message := json.loads(socket.recv(timeout=5)))["type"] == "telemetry":
        pass
    answer: dict[str, str] = message
    return answer


def test_listeners_watch_and_only_controllers_control(client: Client) -> None:
    mute = json.dumps({"type": "mute", "value": True})
    for token, expected in ((TOKENS[Right.LISTEN], "error"), (TOKENS[Right.CONTROL], "ok"), (FULL, "ok")):
        protocols = [Subprotocol(SUBPROTOCOL), Subprotocol(f"bearer.{token}")]
        with connect(client.ws + "/ws/live", subprotocols=protocols) as socket:
            assert socket.subprotocol == SUBPROTOCOL
            assert next_answer(socket)["type"] == "hello"
            socket.send(mute)
            answer = next_answer(socket)
            assert (answer["type"], answer["to"]) == (expected, "mute")
    assert "token" in closed(client, "/ws/live", TOKENS[Right.PUBLISH]).reason


def test_nothing_is_begun_for_who_may_not(client: Client) -> None:
    for name in ("one", "two", "three", "four", "five"):
        client.send("POST", f"/whip/{name}", SDP, OBS_OFFER)
        client.send("POST", f"/whep/{name}", SDP, listen_offer())
        closed(client, f"/ws/{name}", WRONG)
    reply = client.send("POST", "/whip/five", {**SDP, **bearer(FULL)}, OBS_OFFER)
    assert reply.status == 201
    assert status(client, "DELETE", reply.headers["location"], bearer(FULL)) == 200


def test_tokens_are_never_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    """However chatty logging is, and by whatever way a token came."""
    for ours in ("websockets.client", "asyncio"):  # what the test's own client writes down
        caplog.set_level(logging.WARNING, ours)
    caplog.set_level(logging.DEBUG)
    with served(Settings(port=0, warm_composers=0, access=ACCESS)) as client:
        for token in (FULL, WRONG):
            headers = {**SDP, **bearer(token)}
            reply = client.send("POST", f"/whip?token={token}", headers, OBS_OFFER)
            client.send("POST", "/whip", headers, OBS_OFFER.replace("H264", "H265"))
            client.send("DELETE", reply.headers.get("location", "/whip/live/x"), headers)
            assert read_status(client, f"/audio/live?token={token}&x=1") == (200 if token == FULL else 401)
            with connect(f"{client.ws}/ws/live?token={token}") as socket:
                if token == FULL:
                    assert next_answer(socket)["type"] == "hello"
                    socket.send("not json")
                    assert next_answer(socket)["type"] == "error"
            protocols = [Subprotocol(f"bearer.{token}"), Subprotocol(SUBPROTOCOL)]
            with connect(client.ws + "/ws/live", subprotocols=protocols):
                pass
    assert any("WebSocket /ws/live" in record.getMessage() for record in caplog.records), "nothing was logged"
    assert FULL not in caplog.text and WRONG not in caplog.text
