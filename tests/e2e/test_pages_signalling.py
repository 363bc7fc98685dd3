"""What the pages do where an offer meets a slow service or a quick user, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import APIResponse, Browser, Response, Route, expect, sync_playwright

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


def test_an_offer_that_was_stopped_on_its_way_gives_its_place_back(client: Client, studio: Watched) -> None:
    page = studio.page
    held: list[tuple[Route, APIResponse]] = []
    replies: list[tuple[str, str, int]] = []

    def hold(route: Route) -> None:
        """The first offer reaches the service, but its answer does not reach the page yet."""
        if held or route.request.method != "POST":
            route.continue_()
        else:
            held.append((route, route.fetch()))

    def note(response: Response) -> None:
        path = response.url.removeprefix(client.url)
        if path.startswith("/whip"):
            replies.append((response.request.method, path, response.status))

    page.route("**/whip/**", hold)
    page.on("response", note)
    page.get_by_role("radio", name="Camera").check()
    start = page.locator("#start")
    start.click()
    while not held:
        page.wait_for_timeout(50)
    start.click()
    expect(start).to_have_text("Start")
    start.click()  # at once: the place is not free yet
    expect(start).to_have_attribute("data-state", "starting")
    page.wait_for_timeout(1500)  # long enough for two more offers
    (route, answer), given = held[0], held[0][1].headers["location"]
    assert answer.status == 201
    route.fulfill(response=answer)
    expect(start).to_have_attribute("data-state", "live")
    assert ("DELETE", given, 200) in replies
    assert not [reply for reply in replies if reply[2] == 409]
    start.click()
    expect(start).to_have_text("Start")
    assert studio.complaints == []


def test_a_picture_changed_while_connecting_is_the_one_that_is_sent(studio: Watched) -> None:
    page = studio.page
    # The servers are told only when the test says so; no offer is sent: it ends with preparing it.
    page.evaluate("""async () => {
      const {Publisher} = await import("/pages/whip.js");
      window.fetch = () => new Promise((resolve) => { window.tell = () => resolve(new Response()); });
      const track = () => document.createElement("canvas").captureStream().getVideoTracks()[0];
      const [first, second] = [track(), track()];
      const publisher = new Publisher("/whip/changed");
      await publisher.send(first);
      const words = await publisher.send(second).then(() => "", (error) => error.message);
      window.changed = () => {
        const [sender] = window.spied.peers.at(-1)?.getSenders() ?? [];
        return words || (sender?.track === second ? "sent" : sender && "another");
      };
      window.stopChanged = () => publisher.stop();
    }""")
    page.evaluate("window.tell()")
    studio.until("window.changed()", 5)
    assert studio.look("window.changed()") == "sent"
    page.evaluate("window.stopChanged()")
