"""What the pages do where an offer meets a service that is slow, or a user who is quick, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from stream.settings import Settings
from tests.e2e.chromium import Watched, chromium, chromium_path
from tests.stream.served import Client, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    chromium_path()
    with served(Settings(port=0)) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium_path()
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as driver, chromium(driver, *flags) as found:
        yield found


@pytest.fixture
def studio(client: Client, browser: Browser) -> Iterator[Watched]:
    watched = Watched(browser.new_page())
    watched.open(client.url)
    expect(watched.page.locator("#link")).to_have_text("Connected")
    yield watched
    watched.page.close()


def test_a_service_that_does_not_tell_its_servers_is_offered_to_without_them(studio: Watched) -> None:
    page = studio.page
    page.clock.install()
    # A fetch that is never answered, but can be given up.
    page.evaluate("""async () => {
      const {iceServers} = await import("/pages/signalling.js");
      window.fetch = (url, {signal}) => new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      const ask = (name, signal) => iceServers("/whip/live", signal).then(
        (servers) => (window[name] = servers.length),
        (error) => (window[name] = error.name),
      );
      const stopped = new AbortController();
      ask("given", new AbortController().signal);
      ask("left", stopped.signal);
      stopped.abort();
    }""")
    studio.until('window.left === "AbortError"')
    assert studio.look("window.given") is None
    page.clock.fast_forward(10_000)
    studio.until("window.given === 0", 5)
