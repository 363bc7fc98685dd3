"""The studio page chooses who makes the music, by keyboard alone, and says under which licence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import expect, sync_playwright

from composer.musicgen.prompts import prompt_of
from tests.e2e.chromium import Service, Watched, chromium, chromium_path, keep_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

START_MS = 60_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that was started with the default composer and a tiny MusicGen."""
    from tests.composer.musicgen import tiny_musicgen  # torch and transformers: not for a glance at this file

    chromium_path()
    folder = tmp_path_factory.mktemp("service")
    model = tiny_musicgen.write(folder / "tiny")
    two = ("--composer", "symbolic", "--composer", "musicgen", "--musicgen", str(model))
    running = Service(folder / "service.log", *two)
    running.start()
    yield running
    running.stop()


def test_the_composer_is_chosen_by_keyboard_and_its_licence_is_shown_on_every_page(service: Service) -> None:
    with sync_playwright() as playwright, chromium(playwright) as browser:
        pages = [Watched(browser.new_page()) for _ in range(2)]
        for watched in pages:
            watched.open(f"{service.address}/?session=choice")
        one, other = (watched.page for watched in pages)
        expect(one.locator("#playing")).to_have_text("Plays as soon as you start or listen")
        one.get_by_role("button", name="Listen here").press("Enter")
        expect(one.locator("#playing")).to_contain_text("neoclassical", timeout=START_MS)
        choice = one.get_by_label("Composer")
        licence = one.locator("#composer-licence")
        expect(choice).to_be_visible()
        expect(choice).to_have_value("symbolic")
        expect(licence).to_contain_text("Apache-2.0")
        choice.focus()
        one.keyboard.press("ArrowDown")
        for page in (one, other):
            expect(page.get_by_label("Composer")).to_have_value("musicgen")
            expect(page.locator("#composer-licence")).to_contain_text("CC-BY-NC")
        # It takes over: what plays is the prompt it was given.
        expect(one.locator("#playing")).to_have_text(prompt_of("neoclassical"), timeout=START_MS)
        keep_picture(one, "composers", whole=True)
        # Nothing lies on anything else.
        boxes = [box for part in one.locator(".music > :visible").all() if (box := part.bounding_box())]
        assert len(boxes) > 8
        for upper, lower in pairwise(boxes):
            assert upper["y"] + upper["height"] <= lower["y"] + 0.5
        one.keyboard.press("ArrowUp")
        expect(choice).to_have_value("symbolic")
        expect(other.locator("#composer-licence")).to_contain_text("Apache-2.0")
        assert not any(watched.complaints or watched.strangers for watched in pages)
