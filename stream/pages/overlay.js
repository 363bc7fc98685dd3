// What the source page may show over the stream: a mood ring, a line with what plays. Asked for in the address:
// ?overlay=mood,now &corner=bottom-left &color=f2f4f7 &shade=0c0e12 &size=1.5

import { playingWords } from "./health.js";

const CORNERS = ["top-left", "top-right", "bottom-left", "bottom-right"];
const HEX = /^[0-9a-fA-F]{6}$/;
const WORDS_EVERY_MS = 1000;
const MOODS = [
  [217, 164, 65], // pleasant and aroused
  [194, 80, 79], // unpleasant and aroused
  [68, 102, 184], // unpleasant and still
  [60, 156, 124], // pleasant and still
];

/** The color of a mood: the four corners of the circumplex, blended by nearness. */
export function moodColor(valence, arousal) {
  const right = (valence + 1) / 2;
  const up = (arousal + 1) / 2;
  const parts = [right * up, (1 - right) * up, (1 - right) * (1 - up), right * (1 - up)];
  const mixed = [0, 1, 2].map((i) => MOODS.reduce((sum, color, k) => sum + parts[k] * color[i], 0));
  return `rgb(${mixed.map(Math.round).join(" ")})`;
}

/** Which parts the address asks for. */
export function asked(search) {
  const words = (new URLSearchParams(search).get("overlay") ?? "").split(",");
  return { mood: words.includes("mood"), now: words.includes("now") };
}

export class Overlay {
  #ring = null;
  #line = null;
  #said = 0;

  /** Puts into `root` what `search` (an address's query) asks for. */
  constructor(root, search) {
    const query = new URLSearchParams(search);
    const { mood, now } = asked(search);
    root.dataset.corner = CORNERS.includes(query.get("corner")) ? query.get("corner") : "bottom-left";
    for (const name of ["color", "shade"]) {
      if (HEX.test(query.get(name) ?? "")) root.style.setProperty(`--${name}`, `#${query.get(name)}`);
    }
    const size = Number(query.get("size"));
    if (size >= 0.5 && size <= 4) root.style.setProperty("--size", String(size));
    if (mood) {
      this.#ring = document.createElement("i");
      this.#ring.className = "ring";
      root.append(this.#ring);
    }
    if (now) {
      this.#line = document.createElement("p");
      this.#line.className = "line";
      root.append(this.#line);
    }
    root.hidden = !(mood || now);
  }

  /** Takes one telemetry message. */
  show(message) {
    const { affect, composer, levels } = message;
    if (this.#ring) {
      this.#ring.style.setProperty("--mood", moodColor(affect.valence, affect.arousal));
      const loud = Math.max(0, Math.min(1, (levels.rms_db + 48) / 36));
      this.#ring.style.setProperty("--loud", loud.toFixed(3));
    }
    if (this.#line && performance.now() - this.#said > WORDS_EVERY_MS) {
      this.#said = performance.now();
      const playing = composer.state === "playing";
      this.#line.textContent = playing ? `♪ ${playingWords(message)}` : "";
    }
  }
}
