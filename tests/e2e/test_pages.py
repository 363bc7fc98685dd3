"""The studio page and the source page in a real Chromium, against a real service.

The camera is fed from real clips. One service and one live studio page serve most tests; the last test
kills the service under both pages.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.e2e.chromium import Service, Watched, chromium, chromium_path, keep_picture, write_camera_clip

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SESSION = "desk"
LIVE = 'document.getElementById("start").dataset.state === "live"'
SOURCE_LIVE = 'document.documentElement.dataset.state === "live"'

# Where the bright point stands on the circumplex: the middle of all places with nothing but light around.
POINT = """() => {
  const canvas = document.getElementById("circumplex");
  const {width, height} = canvas;
  const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
  const bright = (x, y) => Math.min(...data.slice(4 * (y * width + x), 4 * (y * width + x) + 3)) > 215;
  const reach = Math.round(3 * devicePixelRatio);
  let [n, sx, sy] = [0, 0, 0];
  for (let y = reach; y < height - reach; y += 1) {
    for (let x = reach; x < width - reach; x += 1) {
      const around = [[0, 0], [reach, 0], [-reach, 0], [0, reach], [0, -reach]];
      if (around.every(([dx, dy]) => bright(x + dx, y + dy))) { n += 1; sx += x; sy += y; }
    }
  }
  const radius = 0.42 * Math.min(width, height);
  return n ? {valence: (sx / n - width / 2) / radius, arousal: (height / 2 - sy / n) / radius} : null;
}"""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    chromium_path()
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    chromium_path()
    running = Service(tmp_path_factory.mktemp("service") / "service.log")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def with_camera(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose camera shows real clips and which asks nobody."""
    clip: Path = tmp_path_factory.mktemp("camera") / "clip.y4m"
    write_camera_clip(clip)
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with chromium(playwright, *flags, f"--use-file-for-fake-video-capture={clip}") as browser:
        yield browser


@pytest.fixture(scope="module")
def like_obs(playwright: Playwright) -> Iterator[Browser]:
    """A browser that plays without a gesture, as OBS's does, and hides its addresses as any browser does."""
    flags = ["--autoplay-policy=no-user-gesture-required", "--enable-features=WebRtcHideLocalIpsWithMdns"]
    with chromium(playwright, *flags) as browser:
        yield browser


@pytest.fixture(scope="module")
def studio(service: Service, with_camera: Browser) -> Iterator[Watched]:
    """A studio page that publishes the camera, started by a click."""
    page = with_camera.new_page(viewport={"width": 1440, "height": 1060})
    watched = Watched(page)
    watched.open(studio_of(service))
    page.get_by_role("radio", name="Camera").check()
    page.get_by_role("button", name="Start").click()
    watched.until(LIVE)
    yield watched
    page.close()


@pytest.fixture(scope="module")
def source(service: Service, like_obs: Browser) -> Iterator[Watched]:
    page = like_obs.new_context().new_page()
    watched = Watched(page)
    watched.open(source_of(service))
    watched.until(SOURCE_LIVE)
    yield watched
    page.close()


def studio_of(service: Service) -> str:
    return f"{service.address}/?session={SESSION}"


def source_of(service: Service) -> str:
    return f"{service.address}/source?session={SESSION}"


def last(studio: Watched, seconds: float = 1.0) -> dict[str, Any]:
    """The newest telemetry after waiting a while."""
    studio.page.wait_for_timeout(seconds * 1000)
    return studio.telemetry()[-1]


def heard(studio: Watched, what: Callable[[dict[str, Any]], bool], limit_s: float = 40.0) -> None:
    """Waits for telemetry that `what` is true of; what has been heard already counts."""
    limit = time.monotonic() + limit_s
    while not any(map(what, studio.telemetry())):
        assert time.monotonic() < limit, studio.telemetry()[-1:]
        studio.page.wait_for_timeout(200)


def hears_music(page: Watched, studio: Watched) -> None:
    """Waits until `page` plays music in stereo; `studio` knows what the service says of it meanwhile."""
    ears = page.loudness(40)
    service_says = studio.telemetry()[-1]
    assert ears["left"] > 1e-3 and ears["right"] > 1e-3, (page.received(), service_says)
    assert ears["side"] > 1e-4, "left and right are the same: the stream was decoded to mono"


def test_keyboard_alone_starts_and_stops(service: Service, with_camera: Browser) -> None:
    page = with_camera.new_page()
    watched = Watched(page)
    watched.open(studio_of(service))
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Camera")).to_be_checked()
    page.keyboard.press("Tab")  # the list of cameras
    expect(page.get_by_label("Camera").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_focused()
    assert start.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    watched.until(LIVE)
    page.keyboard.press("Enter")
    watched.until('document.getElementById("start").dataset.state === "idle"')
    assert page.get_by_text("session desk").is_visible()
    page.close()


def test_screen_is_sent_small_and_its_end_is_explained(service: Service, with_camera: Browser) -> None:
    page = with_camera.new_page()
    watched = Watched(page)
    watched.open(studio_of(service))
    expect(page.get_by_role("radio", name="Screen")).to_be_checked()
    page.get_by_role("button", name="Start").click()
    watched.until(LIVE)
    sending = page.locator("#sending")
    expect(sending).to_have_text(re.compile(r"Sending \d+ . \d+ at \d+ frames"))
    assert int(re.findall(r"\d+", sending.inner_text())[0]) <= 640
    # What the browser tells the page when the user presses its own "stop sharing".
    page.evaluate("""() => {
      const [track] = document.getElementById("preview").srcObject.getVideoTracks();
      track.dispatchEvent(new Event("ended"));
    }""")
    expect(page.get_by_role("alert")).to_contain_text("press Start to share again")
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    page.close()


def test_preview_plays_and_the_service_sees_a_small_slow_picture(studio: Watched) -> None:
    studio.until('document.getElementById("preview").currentTime > 0.5')
    studio.page.wait_for_timeout(2000)
    before = last(studio, 0)["video"]
    after = last(studio, 3)["video"]
    assert after["state"] == "live"
    assert 0 < after["width"] <= 640 and after["height"] == pytest.approx(after["width"] * 340 / 800, abs=2)
    assert 0 < after["frames"] - before["frames"] <= 3.5 * 10
    heard(studio, lambda message: message["video"]["readings"] > before["readings"])
    sending = re.compile(rf"Sending {after['width']} . {after['height']} at")
    expect(studio.page.locator("#sending")).to_contain_text(sending)


def test_music_with_energy_arrives_in_stereo(studio: Watched) -> None:
    hears_music(studio, studio)
    assert studio.received()["energy"] > 0
    assert not studio.page.evaluate('document.getElementById("music").paused')


def test_point_on_the_circumplex_follows_the_affect(studio: Watched) -> None:
    moods = [(m["affect"]["valence"], m["affect"]["arousal"]) for m in studio.telemetry()]
    assert max(v for v, _ in moods) - min(v for v, _ in moods) > 0.01
    before = len(studio.telemetry())
    shown = studio.page.evaluate(POINT)  # takes longer than a second where the machine is busy
    assert shown is not None
    last(studio, 0.3)
    # When it was painted is not known.
    recent = [message["affect"] for message in studio.telemetry()[max(before - 10, 0) :]]
    away = min(abs(shown["valence"] - a["valence"]) + abs(shown["arousal"] - a["arousal"]) for a in recent)
    assert away < 0.05, (shown, recent)
    expect(studio.page.locator("#mood-said")).to_contain_text("valence")


def test_cuts_of_the_picture_are_marked(studio: Watched) -> None:
    heard(studio, lambda message: bool(message["cuts"]))
    said = studio.page.locator("#curve-said")
    expect(said).to_contain_text(re.compile(r"[1-9]\d* cut"))


def test_anchor_says_what_was_understood(studio: Watched) -> None:
    page = studio.page
    page.get_by_label("Describe the music").fill("slow intimate piano zorblax")
    page.get_by_role("button", name="Set style").click()
    reply = page.locator("#anchor-reply")
    expect(reply).to_contain_text("Understood")
    expect(reply).to_contain_text("piano")
    expect(reply).to_contain_text("zorblax")
    assert {"type": "anchor", "text": "slow intimate piano zorblax"} in studio.said
    assert [m for m in studio.heard if m["type"] == "ok" and m["to"] == "anchor"]


def test_anchor_error_says_what_to_do(studio: Watched) -> None:
    page = studio.page
    page.get_by_label("Describe the music").fill("   ")
    page.get_by_role("button", name="Set style").click()
    refusals = [m for m in studio.heard if m["type"] == "error"]
    page.wait_for_timeout(500)
    refusals = [m for m in studio.heard if m["type"] == "error" and m["to"] == "anchor"]
    assert refusals
    expect(page.locator("#anchor-reply")).to_have_text(refusals[-1]["detail"])


def test_preset_is_set_by_its_button(studio: Watched) -> None:
    presets = next(m for m in studio.heard if m["type"] == "hello")["presets"]
    button = studio.page.get_by_role("group", name="Style").get_by_role("button", name=presets[-1])
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert {"type": "anchor", "text": presets[-1]} in studio.said


def test_volume_mute_and_hold_reach_the_service(studio: Watched) -> None:
    page = studio.page
    page.get_by_label("Volume").fill("60")
    page.wait_for_timeout(300)
    assert {"type": "volume", "value": 0.6} in studio.said
    for name, kind in (("Hold mood", "hold"), ("Mute", "mute")):
        button = page.get_by_role("button", name=name)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        assert {"type": kind, "value": True} in studio.said and {"type": kind, "value": False} in studio.said
    page.get_by_label("Volume").fill("100")
    keep_picture(page, "studio")


def test_second_publisher_is_told_why_not(service: Service, studio: Watched, with_camera: Browser) -> None:
    assert last(studio, 0)["video"]["state"] == "live"
    page = with_camera.new_page()
    watched = Watched(page)
    watched.open(studio_of(service))
    page.get_by_role("radio", name="Camera").check()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("already")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    keep_picture(page, "studio-refused")
    page.close()
    assert last(studio)["video"]["state"] == "live"


def test_every_control_has_a_name(studio: Watched) -> None:
    tree = studio.page.locator("body").aria_snapshot()
    control = re.compile(r"\s*- (button|textbox|radio|slider|combobox|img|meter)\b(?! \")")
    nameless = [line for line in tree.splitlines() if control.match(line)]
    assert not nameless, tree
    for landmark in ("Picture", "Mood", "Music", "Last 90 seconds", "Health", "Use it in OBS"):
        assert f'heading "{landmark}"' in tree


def test_moods_are_named_after_their_place(studio: Watched) -> None:
    named = studio.page.evaluate("""async () => {
      const {moodWord} = await import("/pages/circumplex.js");
      return [[0, 0], [0.2, 0], [0.4, 0.4], [0, 0.5], [-0.7, 0.7], [-0.3, -0.3], [0.4, -0.4]]
        .map(([valence, arousal]) => moodWord(valence, arousal));
    }""")
    assert named == ["neutral", "slightly pleasant", "excited", "alert", "very tense", "sad", "calm"]


def test_while_this_page_shares_nothing_it_says_what_is_scored(studio: Watched) -> None:
    said = studio.page.evaluate("""async () => {
      const {elsewhere} = await import("/pages/picture.js");
      const none = {state: "none", width: 0, height: 0, key_frame_s: 0};
      const live = {state: "live", width: 320, height: 180, key_frame_s: 0};
      const off = {state: "off", scene: ""};
      const game = {state: "connected", scene: "Game"};
      const sent = {...live, key_frame_s: 1};
      const cases = [[none, off], [live, off], [live, game], [sent, game], [none, {state: "connecting"}]];
      return cases.map(([video, obs]) => elsewhere({video, obs}));
    }""")
    assert [words.replace("\N{MULTIPLICATION SIGN}", "by") for words in said] == [
        "Choose what to score, then press Start.",
        "A picture is coming in from elsewhere, 320 by 180.",
        "OBS is being scored: scene “Game”, 320 by 180. Nothing needs to be shared here.",
        "A picture is coming in from elsewhere, 320 by 180.",
        "Looking for OBS. Or choose what to score here, then press Start.",
    ]


def test_waits_between_tries_grow_are_capped_and_differ(studio: Watched) -> None:
    first, second = studio.page.evaluate("""async () => {
      const {Backoff} = await import("/pages/backoff.js");
      return [new Backoff(), new Backoff()].map((one) => Array.from({length: 8}, () => one.next()));
    }""")
    for wait, whole in zip(first, [500, 1000, 2000, 4000, 4000, 4000, 4000, 4000], strict=True):
        assert whole / 2 <= wait <= whole
    assert first != second


def test_narrow_screen_has_no_sideways_scrolling(studio: Watched) -> None:
    page = studio.page
    page.set_viewport_size({"width": 320, "height": 700})
    page.wait_for_timeout(300)
    keep_picture(page, "studio-320", whole=True)
    wide = page.evaluate("""() => [...document.querySelectorAll("main *")]
        .filter((node) => !node.closest(".unseen, .meter") && node.getBoundingClientRect().right > 321)
        .map((node) => node.outerHTML.slice(0, 80))""")
    width = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1440, "height": 1060})
    assert not wide
    assert width == 320


def test_source_is_transparent_and_audible(studio: Watched, source: Watched) -> None:
    page = source.page
    for node in ("document.documentElement", "document.body"):
        assert page.evaluate(f"getComputedStyle({node}).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert page.locator("body").inner_text().strip() == ""
    hears_music(source, studio)


def test_second_source_waits_until_the_first_has_gone(service: Service, like_obs: Browser) -> None:
    context = like_obs.new_context()
    first, second = Watched(context.new_page()), Watched(context.new_page())
    first.open(source_of(service))
    first.until(SOURCE_LIVE)
    second.open(source_of(service))
    second.page.wait_for_timeout(1000)
    assert second.received()["packets"] == 0
    first.page.close()
    second.until(SOURCE_LIVE)
    context.close()


def test_source_fades_while_off_air(source: Watched) -> None:
    volume = 'document.getElementById("music").volume'
    on_air = "dispatchEvent(new CustomEvent('obsSourceActiveChanged', {detail: {active: %s}}))"
    source.page.evaluate(on_air % "false")
    between = source.page.evaluate(volume)
    source.until(f"{volume} === 0", 2)
    assert between > 0, "the music was cut off instead of faded"
    source.page.evaluate(on_air % "true")
    source.until(f"{volume} === 1", 2)


def test_source_starts_at_the_first_gesture_where_autoplay_is_blocked(
    service: Service, with_camera: Browser
) -> None:
    paused = 'document.getElementById("music").paused'
    page = with_camera.new_context().new_page()
    watched = Watched(page)
    watched.open(source_of(service))
    watched.until(SOURCE_LIVE)
    watched.until(paused, 5)
    page.mouse.click(100, 100)
    watched.until(f"!{paused}", 3)
    page.context.close()


def test_pages_complain_of_nothing_and_ask_nobody_else(studio: Watched, source: Watched) -> None:
    for watched in (studio, source):
        assert watched.complaints == []
        assert watched.refused() == []
        assert watched.strangers == []


def test_both_pages_come_back_when_the_service_does(
    service: Service, studio: Watched, source: Watched
) -> None:
    service.kill()
    source.until(f"!({SOURCE_LIVE})")
    expect(studio.page.locator("#link")).to_have_text("Connecting again")
    keep_picture(studio.page, "studio-without-service")
    studio.heard.clear()
    service.start()
    source.until(SOURCE_LIVE, 30)
    heard(studio, lambda message: message["video"]["state"] == "live")
    heard(studio, lambda message: message["audio"]["state"] == "playing")
    expect(studio.page.locator("#link")).to_have_text("Connected")
    studio.until(LIVE)
    hears_music(source, studio)
