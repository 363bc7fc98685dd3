"""Who hangs up before the answer to an offer: nothing of it stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette

from stream.session.peers import SessionPeers
from stream.settings import Settings
from tests.stream.offers import listen_offer, publish_offer
from tests.stream.served import scripted_app

TOKEN = (b"authorization", b"Bearer a-program-that-comes-back")


async def status(app: Starlette, way: str, offer: str, hangs_up: bool) -> int:
    """Of the answer to `offer`, made with a program's token."""
    coming = [{"type": "http.request", "body": offer.encode(), "more_body": False}]
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop()
        if hangs_up:
            return {"type": "http.disconnect"}
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": f"/{way}/live",
        "raw_path": f"/{way}/live".encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/sdp"), (b"host", b"127.0.0.1:8080"), TOKEN],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8080),
    }
    await app(scope, receive, send)
    return int(answers[0]["status"])


def service() -> Starlette:
    return scripted_app(Settings(port=0, warm_composers=0))


async def posted(way: str, offer: str, hangs_up: bool) -> tuple[int, int]:
    """The status of the answer, and how many peers there are after it."""
    app = service()
    async with app.router.lifespan_context(app):
        answered = await status(app, way, offer, hangs_up)
        return answered, len(app.state.sessions.get("live").peers)


@pytest.mark.parametrize("way", ["whip", "whep"])
def test_a_peer_whose_request_has_gone_is_let_go_of_at_once(way: str) -> None:
    """It would keep the place for as long as a connection may take: who loads the page again is refused."""
    offer = publish_offer() if way == "whip" else listen_offer()
    assert asyncio.run(posted(way, offer, hangs_up=False)) == (201, 1)
    _, peers = asyncio.run(posted(way, offer, hangs_up=True))
    assert peers == 0


def test_a_publisher_that_plays_keeps_its_place_against_a_request_that_has_gone() -> None:
    """The same program's second try, given up before it was answered: nobody would be left to send."""

    async def scenario() -> None:
        app = service()
        async with app.router.lifespan_context(app):
            assert await status(app, "whip", publish_offer(), hangs_up=False) == 201
            peers: SessionPeers = app.state.sessions.get("live").peers
            first = peers._publisher
            assert first is not None
            assert await status(app, "whip", publish_offer(), hangs_up=True) != 201
            assert peers._publisher is first and not first._ending
            assert await status(app, "whip", publish_offer(), hangs_up=False) == 201, "it may take over"
            assert peers._publisher is not first and first._ending

    asyncio.run(scenario())
