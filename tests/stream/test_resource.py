"""The resource that an offer makes, to the letter of RFC 9725 and of the WHEP draft, and OBS's habits."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from stream.settings import Settings
from stream.webrtc.loopback import Reply
from tests.stream.offers import OBS_OFFER, listen_offer
from tests.stream.served import Client, served

SDP = {"Content-Type": "application/sdp"}
TRICKLE = "application/trickle-ice-sdpfrag"
CANDIDATE = "a=candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host\r\n"
WAYS = [("whip", OBS_OFFER), ("whep", listen_offer())]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served(Settings(port=0, warm_composers=0, signalling_burst=10_000)) as client:
        yield client


@pytest.fixture(params=WAYS, ids=lambda way: str(way[0]))
def made(request: pytest.FixtureRequest, client: Client) -> Iterator[tuple[Reply, str]]:
    """(the answer to an offer, the offer)."""
    way, offer = request.param
    reply = client.send("POST", f"/{way}/desk", SDP, offer)
    yield reply, offer
    client.send("DELETE", reply.headers["location"])


def ufrag(offer: str) -> str:
    found = re.search(r"^a=ice-ufrag:(\S+)", offer, re.MULTILINE)
    assert found is not None
    return found.group(1)


def patch(client: Client, resource: str, tag: str, body: str, kind: str = TRICKLE) -> Reply:
    headers = {"Content-Type": kind}
    if tag:
        headers["If-Match"] = tag
    return client.send("PATCH", resource, headers, body)


def test_the_answer_is_what_obs_and_the_standard_want(made: tuple[Reply, str]) -> None:
    reply, _ = made
    assert reply.status == 201, "OBS takes nothing else"
    assert reply.headers["content-type"].startswith("application/sdp")
    assert re.fullmatch(r"/wh[ie]p/desk/[\w-]{16,}", reply.headers["location"]), "OBS cannot follow a query"
    assert re.fullmatch(r'"[^"]+"', reply.headers["etag"]), "a strong entity tag"
    assert "link" not in reply.headers
    direction = "recvonly" if "/whip/" in reply.headers["location"] else "sendonly"
    assert set(re.findall(r"^a=(sendrecv|sendonly|recvonly|inactive)", reply.body, re.MULTILINE)) == {
        direction
    }
    assert "a=candidate:" in reply.body and "a=end-of-candidates" in reply.body


def test_a_trickle_adds_candidates_and_its_answer_has_no_tag(client: Client, made: tuple[Reply, str]) -> None:
    reply, offer = made
    resource, tag = reply.headers["location"], reply.headers["etag"]
    for given in (tag, "*"):
        added = patch(
            client, resource, given, f"a=ice-ufrag:{ufrag(offer)}\r\nm=audio 9 X 0\r\na=mid:0\r\n{CANDIDATE}"
        )
        assert (added.status, added.body) == (204, "")
        assert "etag" not in added.headers
    # What cannot be resolved or used is passed over without a word.
    odd = CANDIDATE.replace("127.0.0.1", "3f.local") + CANDIDATE.replace("udp", "tcp")
    assert patch(client, resource, tag, odd).status == 204


def test_preconditions(client: Client, made: tuple[Reply, str]) -> None:
    resource = made[0].headers["location"]
    assert patch(client, resource, "", CANDIDATE).status == 428
    assert patch(client, resource, '"another"', CANDIDATE).status == 412
    assert patch(client, resource, "*", CANDIDATE, "application/sdp").status == 415
    assert patch(client, resource, "*", "hello").status == 400


def test_a_restart_is_refused_and_changes_nothing(client: Client, made: tuple[Reply, str]) -> None:
    reply, offer = made
    resource, tag = reply.headers["location"], reply.headers["etag"]
    restart = patch(client, resource, "*", "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n")
    assert restart.status == 422 and "POST a new offer" in restart.body
    still = patch(client, resource, tag, f"a=ice-ufrag:{ufrag(offer)}\r\n{CANDIDATE}")
    assert still.status == 204, "the connection stays, with its tag"


def test_delete_frees_whatever_its_tag(client: Client, made: tuple[Reply, str]) -> None:
    resource = made[0].headers["location"]
    assert client.send("DELETE", resource, {"If-Match": '"another"'}).status == 200, "OBS takes nothing else"
    assert client.send("DELETE", resource).status == 404
    assert patch(client, resource, "*", CANDIDATE).status == 404


def test_get_is_empty_and_options_say_what_is_taken(client: Client, made: tuple[Reply, str]) -> None:
    resource = made[0].headers["location"]
    for path in (resource, resource.rsplit("/", 1)[0]):
        got = client.send("GET", path)
        assert (got.status, got.body) == (204, "")
    options = client.send("OPTIONS", resource)
    assert (options.status, options.headers["accept-patch"]) == (200, TRICKLE)
    options = client.send("OPTIONS", resource.rsplit("/", 1)[0])
    assert (options.status, options.headers["accept-post"]) == (200, "application/sdp")
    assert client.send("PUT", resource).status == 405


def test_a_page_does_not_take_a_publisher_over_by_its_token(client: Client) -> None:
    """Two pages with one token would take the session from each other for ever; programs may."""
    token = {**SDP, "Authorization": "Bearer any-token"}
    page = {**token, "Origin": client.url}
    first = client.send("POST", "/whip/rivals", token, OBS_OFFER)
    assert first.status == 201
    assert client.send("POST", "/whip/rivals", page, OBS_OFFER).status == 409
    again = client.send("POST", "/whip/rivals", token, OBS_OFFER)
    assert again.status == 201
    assert client.send("DELETE", first.headers["location"]).status == 404
    assert (
        client.send("POST", "/whip/rivals", {**token, "Authorization": "Bearer other"}, OBS_OFFER).status
        == 409
    )
    assert client.send("DELETE", again.headers["location"]).status == 200
