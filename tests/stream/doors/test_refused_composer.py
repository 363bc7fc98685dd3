"""A composer that is chosen cannot be started: the one that plays is the choice again, and pages are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from stream.composing.offer import Terms
from stream.composing.succession import Refusal
from stream.doors import messages, telemetry
from stream.session import music
from stream.session.session import REFUSAL_TOLD_S, Session
from stream.session.sessions import Sessions
from tests import virtual_time
from tests.stream.session.inline import InlineEgress, InlineHost, registry

WORDS = "A high sine could not be started (no process left): A sine plays on."


class Refusing(InlineHost):
    """Has no process for anybody but who plays; says so from a thread of its own, as it were."""

    made: ClassVar[Refusing]
    on_refusal: Callable[[], None]

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.refusal: Refusal | None = None
        self.present: Terms | None = None
        Refusing.made = self

    def change(self, terms: Terms) -> None:
        self.refusal = None
        if terms is not self.present:
            assert self.present is not None
            self.refusal = Refusal(terms, self.present, "no process left")
            self.on_refusal()


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(music, "ComposerHost", Refusing)
    monkeypatch.setattr(music, "Egress", InlineEgress)


class Page:
    def __init__(self, session: Session, sessions: Sessions) -> None:
        self.told: list[Any] = []
        self._session = session
        self.task = asyncio.create_task(self._run(sessions))

    async def _run(self, sessions: Sessions) -> None:
        with self._session.attendance.page():
            await telemetry._report(self, self._session, sessions)  # type: ignore[arg-type]

    def post(self, message: messages.Json) -> None:
        self.told.append(json.loads(json.dumps(message)))

    def chooses(self, name: str) -> messages.Json:
        answer = messages.answer(self._session, json.dumps({"type": "composer", "name": name}))
        self.post(answer)
        return answer

    @property
    def composer(self) -> Any:
        """As it was last told."""
        telling = ("hello", "ok", "anchor")
        return [message["composer"] for message in self.told if message["type"] in telling][-1]

    @property
    def notice(self) -> Any:
        return [message["notice"] for message in self.told if message["type"] == "telemetry"][-1]


def test_every_page_is_told_who_plays_on_and_why() -> None:
    async def scenario() -> None:
        async with registry() as sessions:
            session = sessions.get_or_begin("live")
            session.play()
            Refusing.made.present = sessions.services.composers.terms("symbolic")
            chooses, watches = Page(session, sessions), Page(session, sessions)
            await asyncio.sleep(0.5)
            assert chooses.chooses("high")["composer"] == "high"
            await asyncio.sleep(0.5)
            for page in (chooses, watches):
                assert (page.composer, page.notice) == ("symbolic", WORDS)
            assert session.music.composer.name == "symbolic"
            # Chosen again it is tried again; what is told is told once.
            assert chooses.chooses("high")["composer"] == "high"
            await asyncio.sleep(REFUSAL_TOLD_S + 1.0)
            for page in (chooses, watches):
                assert (page.composer, page.notice) == ("symbolic", "")
                assert sum(message["type"] == "anchor" for message in page.told) == 2
                page.task.cancel()

    virtual_time.run(scenario())


def test_who_is_chosen_meanwhile_stays_chosen() -> None:
    """The refusal is on its way to the loop, and somebody chooses."""

    async def scenario() -> None:
        async with registry() as sessions:
            session = sessions.get_or_begin("live")
            session.play()
            composers = sessions.services.composers
            Refusing.made.present = composers.terms("symbolic")
            session.style.choose_composer("high")
            Refusing.made.present = composers.terms("high")
            session.style.choose_composer("symbolic")
            Refusing.made.refusal = None  # it is tried
            await asyncio.sleep(0.5)
            assert session.music.composer.name == "symbolic" and session.notice == ""

    virtual_time.run(scenario())
