"""Who hangs up before the answer to an offer: nothing of it stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stream.settings import Settings
from tests.stream.offers import listen_offer, publish_offer
from tests.stream.served import scripted_app


async def posted(way: str, offer: str, hangs_up: bool) -> tuple[int, int]:
    """The status of the answer, and how many peers there are after it."""
    app = scripted_app(Settings(port=0, warm_composers=0))
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
        "headers": [(b"content-type", b"application/sdp"), (b"host", b"127.0.0.1:8080")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8080),
    }
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
        session = app.state.sessions.get("live")
        return answers[0]["status"], len(session.peers)


@pytest.mark.parametrize("way", ["whip", "whep"])
def test_a_peer_whose_request_has_gone_is_let_go_of_at_once(way: str) -> None:
    """It would keep the place for as long as a connection may take: who loads the page again is refused."""
    offer = publish_offer() if way == "whip" else listen_offer()
    assert asyncio.run(posted(way, offer, hangs_up=False)) == (201, 1)
    _, peers = asyncio.run(posted(way, offer, hangs_up=True))
    assert peers == 0
