"""Both pages against a service that wants tokens; and what they do when it was restarted or says no."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.e2e.chromium import Service, Watched, chromium, chromium_path, keep_picture, write_camera_clip

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

FULL, LISTEN = "full-token-full-token", "listen-token-listen-t"
# Nothing is there; over TCP that is known at once.
TURN = ("turn:127.0.0.1:9?transport=tcp", "turns:127.0.0.1:9?transport=tcp")
ICE = ("turn:me:s%22ecret@127.0.0.1:9?transport=tcp", "turns:you:other@127.0.0.1:9?transport=tcp")
LIVE = 'document.getElementById("start").dataset.state === "live"'
SOURCE_LIVE = 'document.documentElement.dataset.state === "live"'
SERVERS = """window.spied.peers.at(-1).getConfiguration().iceServers
  .map(({urls, username, credential}) => ({urls: [urls].flat(), username, credential}))"""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    chromium_path()
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    chromium_path()
    servers = [part for server in ICE for part in ("--ice-server", server)]
    log = tmp_path_factory.mktemp("service") / "service.log"
    running = Service(log, "--token", FULL, "--listen-token", LISTEN, "--verbose", *servers)
    running.start()
    yield running
    running.stop()
    said = log.read_text()
    assert "Studio page" in said
    printed = [line for line in said.splitlines() if FULL in line or LISTEN in line]
    assert {line.split("  ")[0] for line in printed} <= {
        "Studio page",
        "OBS source page",
        "Music for players",
        "WHIP bearer token",
    }


@pytest.fixture(scope="module")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One whose camera shows real clips and which plays without a gesture, as OBS's does."""
    clip: Path = tmp_path_factory.mktemp("camera") / "clip.y4m"
    write_camera_clip(clip)
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    flags.append("--autoplay-policy=no-user-gesture-required")
    with chromium(playwright, *flags, f"--use-file-for-fake-video-capture={clip}") as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context()  # its own session storage
    yield Watched(context.new_page())
    context.close()


def start_camera(watched: Watched) -> None:
    watched.page.get_by_role("radio", name="Camera").check()
    watched.page.get_by_role("button", name="Start").click()
    watched.until(LIVE)


def answered(watched: Watched, *controls: str) -> None:
    """Waits until the service has obeyed each of `controls`, as often as it is named."""
    limit = time.monotonic() + 10
    while not Counter(controls) <= Counter(m["to"] for m in watched.heard if m["type"] == "ok"):
        assert time.monotonic() < limit, watched.heard[-3:]
        watched.page.wait_for_timeout(100)


def test_without_its_token_the_studio_says_what_to_do(service: Service, page: Watched) -> None:
    page.open(service.address + "/")
    expect(page.page.locator("#notice")).to_contain_text("A token is needed")
    expect(page.page.locator("#link")).not_to_have_text("Connected")
    keep_picture(page.page, "studio-without-token")
    assert not page.heard
    # The right address pasted over it changes nothing but the fragment.
    page.open(f"{service.address}/#token={FULL}")
    expect(page.page.locator("#link")).to_have_text("Connected")


def test_a_wrong_token_is_named_as_such(service: Service, page: Watched) -> None:
    page.open(f"{service.address}/#token=wrong-token-wrong-tok")
    expect(page.page.locator("#notice")).to_contain_text("The token is not right")


def test_the_studio_works_with_its_token_and_does_not_show_it(service: Service, page: Watched) -> None:
    page.open(f"{service.address}/#token={FULL}")
    start_camera(page)
    expect(page.page.locator("#link")).to_have_text("Connected")
    assert FULL not in page.page.url
    assert FULL not in page.page.locator("body").inner_text()
    shown = page.page.evaluate("[...document.querySelectorAll('input')].map((field) => field.value).join()")
    assert FULL not in shown and "/source#token=" in shown
    told = page.page.evaluate(SERVERS)
    assert [server["urls"] for server in told] == [[url] for url in TURN]
    assert (told[0]["username"], told[0]["credential"]) == ("me", 's"ecret')
    page.page.evaluate("navigator.clipboard.writeText = async (text) => (window.copied = text)")
    page.page.get_by_role("button", name="Copy the source address").click()
    assert page.page.evaluate("window.copied") == f"{service.address}/source#token={FULL}"
    page.page.get_by_role("button", name="Copy the bearer token").click()
    assert page.page.evaluate("window.copied") == FULL
    page.page.get_by_label("Bearer token for OBS").focus()
    expect(page.page.get_by_label("Bearer token for OBS")).to_have_value(FULL)

    page.page.reload()  # the token is kept for this tab, and its picture is let go of with it
    expect(page.page.locator("#link")).to_have_text("Connected")
    start_camera(page)
    page.page.get_by_role("button", name="Stop").click()
    assert not [line for line in page.complaints if "WebSocket" not in line], page.complaints


def test_the_source_page_needs_no_more_than_the_right_to_listen(service: Service, page: Watched) -> None:
    page.open(f"{service.address}/source#token={LISTEN}")
    page.until(SOURCE_LIVE)
    assert page.loudness(40)["left"] > 1e-3
    assert LISTEN not in page.page.url
    page.page.reload()
    page.until(SOURCE_LIVE)


def test_a_listener_sees_the_studio_but_moves_nothing(service: Service, page: Watched) -> None:
    page.open(f"{service.address}/#token={LISTEN}")
    expect(page.page.locator("#link")).to_have_text("Connected")
    page.page.get_by_role("button", name="Mute").click()
    expect(page.page.get_by_role("alert")).to_contain_text("does not allow to control")
    page.page.get_by_role("radio", name="Camera").check()
    page.page.get_by_role("button", name="Start").click()
    expect(page.page.get_by_role("alert")).to_contain_text("does not allow to send a picture")


def test_what_was_set_is_set_again_after_a_restart(service: Service, page: Watched) -> None:
    page.open(f"{service.address}/#token={FULL}")
    text = page.page.get_by_label("Describe the music")
    text.fill("slow intimate piano")
    page.page.get_by_role("button", name="Set style").click()
    expect(page.page.locator("#anchor-reply")).to_contain_text("piano")
    page.page.get_by_label("Volume").fill("60")
    page.page.get_by_role("button", name="Hold mood").click()
    expect(page.page.get_by_role("button", name="Hold mood")).to_have_attribute("aria-pressed", "true")
    page.page.get_by_label("Steps aside for").select_option("publisher")
    page.page.get_by_label("By how much").fill("20")
    answered(page, "anchor", "volume", "hold", "duck", "duck")

    service.kill()
    expect(page.page.locator("#link")).to_have_text("Connecting again")
    page.heard.clear()
    page.said.clear()
    service.start()
    expect(page.page.locator("#link")).to_have_text("Connected")
    answered(page, "anchor", "volume", "hold", "duck")
    assert next(m for m in page.heard if m["type"] == "hello")["volume"] == 1.0, (
        "the service had not forgotten"
    )
    assert {"type": "anchor", "text": "slow intimate piano"} in page.said
    expect(page.page.get_by_label("Volume")).to_have_value("60")
    expect(page.page.get_by_role("button", name="Hold mood")).to_have_attribute("aria-pressed", "true")

    other = Watched(page.page.context.new_page())
    other.open(f"{service.address}/#token={FULL}")
    expect(other.page.locator("#link")).to_have_text("Connected")
    hello = next(m for m in other.heard if m["type"] == "hello")
    assert (hello["anchor"]["text"], hello["volume"], hello["held"]) == ("slow intimate piano", 0.6, True)
    assert hello["duck"] == {"depth_db": 20.0, "source": "publisher"}
    other.page.close()
