"""The studio page's hand on the music, and the source page's overlay, in a real Chromium."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from stream.settings import Settings
from tests.e2e.chromium import Watched, chromium, chromium_path, keep_picture
from tests.stream.served import Client, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    chromium_path()
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with chromium(playwright, *flags, "--autoplay-policy=no-user-gesture-required") as found:
        yield found


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def client(recordings: Path) -> Iterator[Client]:
    chromium_path()
    with served(Settings(port=0, record_folder=str(recordings))) as client:
        yield client


@pytest.fixture(scope="module")
def studio(client: Client, browser: Browser) -> Iterator[Watched]:
    page = browser.new_page(viewport={"width": 1440, "height": 1060})
    watched = Watched(page)
    watched.open(client.url)
    page.get_by_role("button", name="Listen here").click()  # the music starts with its first listener
    heard(watched, lambda told: told["audio"]["state"] == "playing")
    yield watched
    page.close()


RESTARTED = """async () => {
  const {Telemetry} = await import("/pages/telemetry.js");
  Math.random = () => 0; // the shortest waits between tries
  const sockets = [];
  let waiting = null;
  window.WebSocket = class {
    static OPEN = 1;
    readyState = 1;
    said = [];
    answers = true;
    constructor() { sockets.push(this); waiting?.(this); }
    send(text) {
      this.said.push(JSON.parse(text));
      const {type, text: anchor} = this.said.at(-1);
      if (this.answers) queueMicrotask(() => this.tell({type: "ok", to: type, anchor: {text: anchor}}));
    }
    tell(message) { this.onmessage({data: JSON.stringify(message)}); }
    close() { this.readyState = 3; this.onclose({code: 1006, reason: ""}); }
  };
  const next = () => new Promise((resolve) => (waiting = (socket) => setTimeout(resolve, 0, socket)));
  const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
  const settings = {volume: 1, muted: false, held: false, reactivity: "calm"};
  const hello = (id, set) => ({
    type: "hello", id, set, anchor: {text: "lofi"}, composer: "a", ...settings,
    duck: {depth_db: 12, source: "none"},
  });

  const coming = next();
  const telemetry = new Telemetry("ws://scripted");
  telemetry.open();
  let socket = await coming;
  socket.tell(hello("one", []));
  await telemetry.send({type: "anchor", text: "slow piano"});
  await telemetry.send({type: "volume", value: 0.6});
  // Another page has set the volume since, and what is not this page's to restore.
  socket.tell({type: "settings", ...settings, volume: 0.3, held: true, duck: {depth_db: 12, source: "obs"}});
  await telemetry.send({type: "duck", depth_db: 6}); // and the service goes away before it tells of it

  for (const [id, set, answers] of [["two", [], false], ["two", ["anchor"], true], ["two", [], true]]) {
    const again = next();
    socket.close();
    socket = await again;
    socket.answers = answers;
    socket.tell(hello(id, set));
    await settled();
  }
  telemetry.close();
  return sockets.map(({said}) => said);
}"""


def heard(page: Watched, what: Callable[[dict[str, Any]], bool], limit_s: float = 20.0) -> None:
    """Wait for telemetry from now on that `what` is true of."""
    start, limit = len(page.heard), time.monotonic() + limit_s
    while not any(what(one) for one in page.heard[start:] if one["type"] == "telemetry"):
        assert time.monotonic() < limit, page.telemetry()[-1:]
        page.page.wait_for_timeout(50)


def told_volume(page: Watched, volume: float) -> None:
    """Wait until the newest settings that `page` was told of have this volume."""
    limit = time.monotonic() + 20.0
    while [one["volume"] for one in page.heard if one["type"] == "settings"][-1:] != [volume]:
        assert time.monotonic() < limit, volume
        page.page.wait_for_timeout(50)


def place(page: Page, valence: float, arousal: float) -> tuple[float, float]:
    """Where on the page a mood lies."""
    box = page.locator("#pad").bounding_box()
    assert box is not None
    radius = 0.42 * min(box["width"], box["height"])
    x = box["x"] + box["width"] / 2 + valence * radius
    return x, box["y"] + box["height"] / 2 - arousal * radius


def at(valence: float, arousal: float) -> Callable[[dict[str, Any]], bool]:
    def there(told: dict[str, Any]) -> bool:
        affect: dict[str, float] = told["affect"]
        return abs(affect["valence"] - valence) < 0.03 and abs(affect["arousal"] - arousal) < 0.03

    return there


def test_dragging_the_pad_takes_over_and_letting_go_hands_back(studio: Watched) -> None:
    page = studio.page
    page.mouse.move(*place(page, 0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*place(page, 0.6, -0.4))
    heard(studio, at(0.6, -0.4))
    keep_picture(page, "studio-pad")
    page.wait_for_timeout(2500)  # longer than an override lasts that is not renewed
    heard(studio, at(0.6, -0.4))
    # A pixel of the pad is 0.007: where on the page it lies decides the last digit.
    said = re.compile(r"valence 0\.(59|60|61), arousal -0\.(39|40|41)\.")
    expect(page.locator("#pad-said")).to_contain_text(said)
    page.mouse.move(*place(page, 9.0, 0.0))  # far out of the disc: the edge
    heard(studio, at(1.0, 0.0))
    page.mouse.up()
    heard(studio, at(0.0, 0.0))  # nothing is published: neutral
    assert studio.said[-1] == {"type": "steer"}
    expect(page.locator("#pad-said")).to_contain_text("The picture steers")


def test_the_pad_is_a_keyboard_control_with_a_name(studio: Watched) -> None:
    page = studio.page
    pad = page.get_by_role("slider", name="Mood by hand")
    pad.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    heard(studio, at(0.2, 0.1))
    expect(pad).to_have_attribute("aria-valuetext", "valence 0.20, arousal 0.10")
    page.keyboard.press("Escape")
    heard(studio, at(0.0, 0.0))


def test_panic_is_silence_and_mute_ends_it(studio: Watched) -> None:
    page = studio.page
    page.get_by_role("button", name="Panic").click()
    heard(studio, lambda told: told["audio"]["state"] == "silent")
    mute = page.get_by_role("button", name="Mute")
    expect(mute).to_have_attribute("aria-pressed", "true")
    mute.click()
    heard(studio, lambda told: told["audio"]["state"] == "playing")


def test_what_is_set_on_one_page_is_shown_on_the_others(
    client: Client, studio: Watched, browser: Browser
) -> None:
    page, other = studio.page, browser.new_page()
    other.goto(client.url)
    other.get_by_role("button", name="Panic").click()
    mute = page.get_by_role("button", name="Mute")
    expect(mute).to_have_attribute("aria-pressed", "true")
    mute.click()
    expect(other.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "false")
    hold = page.get_by_role("button", name="Hold mood")
    hold.click()
    expect(other.get_by_role("button", name="Hold mood")).to_have_attribute("aria-pressed", "true")
    hold.click()
    page.get_by_label("Volume").fill("60")
    expect(other.get_by_label("Volume")).to_have_value("60")
    expect(other.locator("#volume-said")).to_have_text("60 %")
    page.get_by_label("Follows the picture").select_option("calm")
    expect(other.get_by_label("Follows the picture")).to_have_value("calm")
    page.get_by_label("Follows the picture").select_option("balanced")
    page.get_by_label("By how much").fill("20")
    expect(other.locator("#duck-said")).to_have_text("20 dB")
    page.get_by_label("By how much").fill("12")
    page.get_by_label("Steps aside for").select_option("obs")
    expect(other.get_by_label("Steps aside for")).to_have_value("obs")
    page.get_by_label("Steps aside for").select_option("none")
    expect(other.get_by_label("Steps aside for")).to_have_value("none")
    other.close()


def test_a_restarted_service_is_told_what_was_set_last_and_only_what_nobody_has_set_since(
    client: Client, browser: Browser
) -> None:
    """Two pages that each set again their own last choice would fight."""
    page = browser.new_page()
    page.goto(f"{client.url}/source")
    said = page.evaluate(RESTARTED)
    page.close()
    volume = {"type": "volume", "value": 0.3}
    anchor = {"type": "anchor", "text": "slow piano"}
    assert said == [
        [anchor, {"type": "volume", "value": 0.6}, {"type": "duck", "depth_db": 6}],  # the user
        [anchor],  # and the service goes away again
        [volume, {"type": "duck", "depth_db": 6, "source": "obs"}],  # the anchor was set on another page
        [],  # the line was lost, the session is the same
    ]


def test_a_slider_in_the_hand_is_not_moved_by_another_page(
    client: Client, studio: Watched, browser: Browser
) -> None:
    page, other = studio.page, browser.new_page()
    other.goto(client.url)
    volume = page.get_by_label("Volume")
    box = volume.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    mine = volume.input_value()
    assert 25 <= int(mine) <= 35
    expect(other.get_by_label("Volume")).to_have_value(mine)
    other.get_by_label("Volume").fill("90")
    told_volume(studio, 0.9)
    page.wait_for_timeout(1500)  # longer than a control counts as touched
    assert volume.input_value() == mine
    page.mouse.up()
    expect(volume).to_have_value("90")
    expect(page.locator("#volume-said")).to_have_text("90 %")
    volume.fill("100")
    told_volume(studio, 1.0)
    other.close()


def test_something_else_is_another_seed(studio: Watched) -> None:
    seeds = {told["composer"].get("seed") for told in studio.telemetry() if "seed" in told["composer"]}
    studio.page.get_by_role("button", name="Something else").click()
    heard(studio, lambda told: told["composer"].get("seed", 0) not in {0, *seeds})


def test_reactivity_and_ducking_are_chosen_by_name(studio: Watched) -> None:
    page = studio.page
    page.get_by_label("Follows the picture").select_option("calm")
    page.get_by_label("By how much").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert {"type": "reactivity", "value": "calm"} in studio.said
    assert {"type": "duck", "depth_db": 15} in studio.said
    # The fake microphone beeps once a second: loud enough to make the music step aside.
    page.get_by_label("Steps aside for").select_option("page")
    heard(studio, lambda told: told["duck_db"] == -15.0)
    page.get_by_label("Steps aside for").select_option("none")
    heard(studio, lambda told: told["duck_db"] == 0.0)


def test_a_page_that_was_loaded_again_says_that_its_microphone_is_not_open(
    studio: Watched, client: Client, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(client.url)
    expect(page.locator("#link")).to_have_text("Connected")
    aside = page.get_by_label("Steps aside for")
    aside.select_option("page")
    heard(studio, lambda told: told["duck_db"] < 0.0)
    # Another page cannot know whose it is, but it is not its own.
    not_open = "No microphone is open on this page"
    expect(studio.page.get_by_label("Steps aside for")).to_have_value("elsewhere")
    expect(studio.page.locator("#duck-elsewhere")).to_contain_text(not_open)
    page.reload()
    expect(aside).to_have_value("elsewhere")
    expect(page.locator("#duck-elsewhere")).to_contain_text(not_open)
    keep_picture(page, "studio-microphone-elsewhere", whole=True)
    heard(studio, lambda told: told["duck_db"] == 0.0)
    aside.select_option("page")
    heard(studio, lambda told: told["duck_db"] < 0.0)
    page.wait_for_timeout(1500)  # longer than a control counts as touched
    expect(aside).to_have_value("page")
    expect(page.locator("#duck-elsewhere")).to_be_empty()
    # Who ends it elsewhere ends it here too, and no microphone stays open for nobody.
    studio.page.get_by_label("Steps aside for").select_option("none")
    expect(aside).to_have_value("none")
    heard(studio, lambda told: told["duck_db"] == 0.0)
    page.close()


def test_a_microphone_that_is_not_wanted_any_more_when_it_opens_is_closed(
    client: Client, browser: Browser
) -> None:
    page = browser.new_page()
    page.goto(client.url)
    expect(page.locator("#link")).to_have_text("Connected")
    page.evaluate(
        """() => {
            window.streams = [];
            window.answers = [];
            navigator.mediaDevices.getUserMedia = () => new Promise((allow) => window.answers.push(() => {
                window.streams.push(new AudioContext().createMediaStreamDestination().stream);
                allow(window.streams.at(-1));
            }));
        }"""
    )
    states = "window.streams.map((stream) => stream.getTracks()[0].readyState).join()"
    aside = page.get_by_label("Steps aside for")
    for choice in ("page", "none", "page"):
        aside.select_option(choice)
    page.evaluate("window.answers.forEach((answer) => answer())")
    page.wait_for_function(f"{states} === 'ended,live'")
    aside.select_option("none")
    page.wait_for_function(f"{states} === 'ended,ended'")
    page.close()


def test_the_record_button_records(studio: Watched, recordings: Path) -> None:
    page = studio.page
    button = page.get_by_role("button", name="Record")
    button.click()
    heard(studio, lambda told: told["recording"]["on"] and told["recording"]["seconds"] > 0.5)
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    heard(studio, lambda told: not told["recording"]["on"])
    expect(page.locator("#record-said")).to_contain_text("Recorded live-")
    (folder,) = recordings.iterdir()
    assert (folder / "music.flac").stat().st_size > 10_000
    assert {path.name for path in folder.iterdir()} >= {"music.flac", "affect.csv", "provenance.json"}


def test_the_address_for_a_media_source_plays(client: Client, studio: Watched) -> None:
    address = studio.page.get_by_label("or it crackles").input_value()
    assert address == f"{client.url}/audio/live.ogg"
    with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=10) as reply:
        assert reply.headers["content-type"] == "audio/ogg"


def test_the_address_for_a_browser_source_shows_what_was_chosen(
    client: Client, studio: Watched, browser: Browser
) -> None:
    page = studio.page
    field, chosen = page.get_by_role("textbox", name="Hear the music"), page.get_by_label("It shows")
    expect(field).to_have_value(f"{client.url}/source")
    chosen.select_option("a ring in the color of the mood")
    expect(field).to_have_value(f"{client.url}/source?overlay=mood")
    source = browser.new_page()
    source.goto(field.input_value())
    expect(source.locator(".ring")).to_have_count(1)
    source.close()
    chosen.select_option("nothing")
    expect(field).to_have_value(f"{client.url}/source")


def test_the_page_fits_a_narrow_screen_and_complains_of_nothing(studio: Watched) -> None:
    page = studio.page
    keep_picture(page, "studio-desk", whole=True)
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    keep_picture(page, "studio-desk-narrow", whole=True)
    page.set_viewport_size({"width": 1440, "height": 1060})
    assert studio.complaints == [] and studio.refused() == [] and studio.strangers == []


def test_the_overlay_shows_what_its_address_asks_for(client: Client, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 800, "height": 600})
    watched = Watched(page)
    watched.open(client.url + "/source?overlay=mood,now&corner=top-right&color=ff8800&size=2")
    expect(page.locator(".line")).to_contain_text("A minor")
    box = page.locator("#overlay").bounding_box()
    assert box is not None and box["x"] + box["width"] > 700 and box["y"] < 100
    assert page.locator(".line").evaluate("(line) => getComputedStyle(line).color") == "rgb(255, 136, 0)"
    ring = page.locator(".ring").bounding_box()
    assert ring is not None and ring["width"] > 80
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    keep_picture(page, "source-overlay")
    assert watched.complaints == [] and watched.refused() == []
    page.close()


@pytest.mark.parametrize(
    "query", ["", "?overlay=nonsense", "?overlay=mood&color=url(x)&size=900&corner=middle"]
)
def test_a_source_shows_nothing_it_was_not_asked_for(client: Client, browser: Browser, query: str) -> None:
    page = browser.new_page()
    watched = Watched(page)
    watched.open(client.url + "/source" + query)
    watched.until('document.documentElement.dataset.state === "live"')
    expect(page.locator(".line")).to_have_count(0)
    expect(page.locator(".ring")).to_have_count(1 if "mood" in query else 0)
    if "mood" not in query:
        assert watched.heard == []  # no telemetry is asked for either
    assert watched.complaints == []
    page.close()


def test_a_scene_switch_told_by_the_browser_source_is_a_cut(client: Client, browser: Browser) -> None:
    page = browser.new_page()
    page.add_init_script("window.obsstudio = {}")
    watched = Watched(page)
    watched.open(client.url + "/source")
    watched.until('document.documentElement.dataset.state === "live"')
    heard(watched, lambda told: True)
    page.evaluate("dispatchEvent(new CustomEvent('obsSceneChanged', {detail: {name: 'Chat'}}))")
    heard(watched, lambda told: len(told["cuts"]) == 1)
    page.close()
