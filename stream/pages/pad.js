// The mood pad: drag the point on the circumplex to override the mood, let go to hand it back to the picture.

const SEND_EVERY_MS = 120; // well within the two seconds after which the server forgets an override
const STEP = 0.05;
const KEYS = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowDown: [0, -STEP],
  ArrowUp: [0, STEP],
};

const within = (value) => Math.max(-1, Math.min(1, value));

export class Pad {
  #pad;
  #circumplex;
  #send;
  #fail;
  #said;
  #held = null; // [valence, arousal] while overridden
  #now = [0, 0];
  #timer = 0;

  /** `pad` is the focusable element over the disc; `said` says what a hand does to it. */
  constructor(pad, said, circumplex, send, fail) {
    this.#pad = pad;
    this.#said = said;
    this.#circumplex = circumplex;
    this.#send = send;
    this.#fail = fail;
    pad.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      pad.setPointerCapture(event.pointerId);
      this.#drag(event);
    });
    pad.addEventListener("pointermove", (event) => {
      if (pad.hasPointerCapture(event.pointerId)) this.#drag(event);
    });
    for (const type of ["pointerup", "pointercancel"]) pad.addEventListener(type, () => this.#release());
    pad.addEventListener("keydown", (event) => this.#key(event));
    pad.addEventListener("blur", () => this.#release());
  }

  /** Takes one telemetry message. */
  add({ affect }) {
    if (!this.#held) this.#now = [affect.valence, affect.arousal];
  }

  #drag(event) {
    const box = this.#pad.getBoundingClientRect();
    const [valence, arousal] = this.#circumplex.moodAt(event.clientX - box.left, event.clientY - box.top);
    this.#steer(within(valence), within(arousal));
  }

  #key(event) {
    if (event.key === "Escape" || event.key === "Enter") {
      this.#release();
      return;
    }
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    const [valence, arousal] = this.#held ?? this.#now;
    this.#steer(within(valence + step[0]), within(arousal + step[1]));
  }

  #steer(valence, arousal) {
    const first = !this.#held;
    this.#held = [valence, arousal];
    this.#pad.dataset.held = "true";
    this.#said.textContent = `By hand: valence ${valence.toFixed(2)}, arousal ${arousal.toFixed(2)}. Escape hands back.`;
    this.#pad.setAttribute("aria-valuenow", valence.toFixed(2));
    this.#pad.setAttribute("aria-valuetext", `valence ${valence.toFixed(2)}, arousal ${arousal.toFixed(2)}`);
    if (first) this.#push();
    this.#timer ||= setInterval(() => this.#push(), SEND_EVERY_MS);
  }

  async #push() {
    if (!this.#held) return;
    const [valence, arousal] = this.#held;
    try {
      await this.#send({ type: "steer", valence, arousal });
    } catch (error) {
      this.#stop();
      this.#fail(error.message);
    }
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#held = null;
    this.#pad.dataset.held = "false";
    this.#said.textContent = "The picture steers. Drag the point, or use the arrow keys, to take over.";
  }

  #release() {
    if (!this.#held) return;
    this.#stop();
    this.#send({ type: "steer" }).catch((error) => this.#fail(error.message));
  }
}
