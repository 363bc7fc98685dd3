"""The HTTP way out, against the real server: what is asked for, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from stream.doors.audio_http import OGG, WAV, asked_for
from stream.settings import Settings
from tests.stream.served import Client, served


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served(Settings(port=0, warm_composers=0, max_listeners=2)) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "accept", "expected"),
    [
        ("live.ogg", "*/*", ("live", OGG)),
        ("live.opus", "", ("live", OGG)),
        ("live.wav", "audio/ogg", ("live", WAV)),
        ("live", "*/*", ("live", OGG)),
        ("live", "audio/wav", ("live", WAV)),
        ("live", "audio/ogg, audio/wav;q=0.5", ("live", OGG)),
        ("live.mp3", "", ("live.mp3", OGG)),
    ],
)
def test_the_ending_decides_then_the_accept_header(name: str, accept: str, expected: tuple[str, str]) -> None:
    assert asked_for(name, accept) == expected


def test_a_name_that_is_none_is_a_problem(client: Client) -> None:
    reply = client.send("GET", "/audio/live.mp3")
    assert reply.status == 400 and "session name" in json.loads(reply.body)["detail"]


@pytest.mark.parametrize(("path", "media_type"), [("/audio/live.ogg", OGG), ("/audio/live.wav", WAV)])
def test_head_names_the_type_and_starts_nothing(client: Client, path: str, media_type: str) -> None:
    reply = client.send("HEAD", path)
    assert (reply.status, reply.headers["content-type"], reply.body) == (200, media_type, "")
    assert client.json("/healthz")["sessions"] == 0
