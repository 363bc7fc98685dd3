// The picture card: choosing a source, starting and stopping, the preview, and words about it.

import { cameras, capture } from "./capture.js";
import { address } from "./session.js";
import { Publisher } from "./whip.js";

const DEAF_LIMIT_MS = 5000;
const GENERAL = "Only a small, slow copy is sent: at most 640 pixels wide, 10 frames a second.";

export class Picture {
  #publisher = new Publisher(address.whip);
  #track = null;
  #form = document.getElementById("picker");
  #button = document.getElementById("start");
  #preview = document.getElementById("preview");
  #empty = document.getElementById("empty");
  #emptyText = document.getElementById("empty-text");
  #sending = document.getElementById("sending");
  #camera = document.getElementById("camera");
  #started;
  #fail;
  #deafSince = 0;
  #frames = 0;
  #asking = false;

  /** `started()` is called inside the user's gesture; `fail(words)` shows what went wrong, "" clears it. */
  constructor({ started, fail }) {
    this.#started = started;
    this.#fail = fail;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#track) this.stop();
      else this.#start();
    });
    this.#form.addEventListener("change", (event) => {
      document.getElementById("camera-field").hidden = this.#kind() !== "camera";
      if (this.#track && event.target === this.#camera) this.#start(); // another camera, while live
    });
    this.#preview.addEventListener("resize", () => this.#publisher.fit());
    this.#publisher.peer.addEventListener("state", ({ detail }) => this.#peerState(detail));
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#listCameras());
    this.#listCameras();
  }

  stop() {
    this.#publisher.stop();
    this.#track?.stop();
    this.#track = null;
    this.#show("idle");
  }

  /** Takes telemetry once a second: notes when the server has lost a picture that is still being sent. */
  async look(message) {
    const { state } = message.video;
    if (!this.#track) {
      this.#emptyText.textContent = elsewhere(message);
      return;
    }
    const live = this.#publisher.peer.state === "live";
    const sent = live ? await this.#publisher.sending() : null;
    const moving = sent !== null && sent.frames > this.#frames; // a still screen may send nothing for long
    this.#frames = sent?.frames ?? 0;
    const now = performance.now();
    if (!moving || state === "live") this.#deafSince = now;
    else if (now - this.#deafSince > DEAF_LIMIT_MS) {
      this.#deafSince = now;
      this.#publisher.peer.renew();
    }
    if (sent && this.#track) {
      const fps = Math.round(sent.fps);
      this.#sending.textContent = `Sending ${sent.width} × ${sent.height} at ${fps} frames a second.`;
    }
  }

  #kind() {
    return new FormData(this.#form).get("kind");
  }

  async #start() {
    if (this.#asking) return; // the button is not disabled meanwhile: that would lose the keyboard's place
    this.#asking = true;
    this.#fail("");
    this.#started();
    try {
      const track = await capture(this.#kind(), this.#camera.value);
      this.#track?.stop();
      this.#track = track;
      this.#preview.srcObject = new MediaStream([track]);
      track.addEventListener("ended", () => {
        if (this.#track !== track) return;
        this.stop();
        this.#fail(
          "Sharing has ended, so the mood drifts to neutral. The music plays on; press Start to share again.",
        );
      });
      this.#show("starting");
      await this.#publisher.send(track);
      if (this.#publisher.peer.state === "live") this.#show("live");
      await this.#listCameras(); // a camera has been allowed, so names are known now
    } catch (error) {
      this.#fail(error.message);
    } finally {
      this.#asking = false;
    }
  }

  #peerState({ state, reason }) {
    if (state === "live") {
      this.#deafSince = performance.now();
      this.#show("live");
      this.#fail("");
    } else if (state === "waiting") {
      this.#show("starting");
      this.#sending.textContent = `${reason} Trying again.`;
    } else if (state === "failed") {
      this.stop();
      this.#fail(reason);
    }
  }

  #show(state) {
    const on = state !== "idle";
    this.#button.textContent = on ? "Stop" : "Start";
    this.#button.dataset.state = state;
    this.#preview.parentElement.dataset.state = state;
    this.#empty.hidden = on;
    if (state === "starting") this.#sending.textContent = "Connecting.";
    if (!on) {
      this.#preview.srcObject = null;
      this.#sending.textContent = GENERAL;
    }
  }

  async #listCameras() {
    const chosen = this.#camera.value;
    const found = await cameras();
    const options = found.map(({ id, label }) => new Option(label, id, false, id === chosen));
    this.#camera.replaceChildren(new Option("Default camera", "", false, !chosen), ...options);
  }
}

/** What to say while this page shares nothing. */
export function elsewhere({ video: { state, width, height, key_frame_s }, obs }) {
  const live = state === "live";
  if (obs.state === "connected" && !key_frame_s) {
    const scene = obs.scene ? `OBS is being scored: scene “${obs.scene}”` : "OBS is being scored";
    return `${scene}${live ? `, ${width} × ${height}` : ""}. Nothing needs to be shared here.`;
  }
  if (obs.state === "connecting") return "Looking for OBS. Or choose what to score here, then press Start.";
  if (live) return `A picture is coming in from elsewhere, ${width} × ${height}.`;
  return "Choose what to score, then press Start.";
}
