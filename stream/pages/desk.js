// The rest of the desk: panic, record, something else, reactivity, and stepping aside for a voice.

import { Microphone } from "./microphone.js";
import { Setting } from "./setting.js";

const VOICE_EVERY_MS = 100;
const ELSEWHERE = "No microphone is open on this page: choose it above to be heard here.";

const byId = (id) => document.getElementById(id);

export class Desk {
  #ask;
  #send;
  #fail;
  #microphone = new Microphone();
  #voice = 0;
  #reactivity = new Setting(byId("reactivity"));
  #source = new Setting(byId("duck-source"), () => this.#sourceWords());
  #depth = new Setting(byId("duck-depth"), () => this.#words());

  /**
   * `ask(message)` asks the server and resolves to whether it obeyed; `send(message)` rejects when it did not;
   * `fail(words)` shows the user why something did not work.
   */
  constructor(ask, send, fail) {
    this.#ask = ask;
    this.#send = send;
    this.#fail = fail;
    byId("panic").addEventListener("click", async () => {
      if (await this.#ask({ type: "panic" })) byId("mute").setAttribute("aria-pressed", "true");
    });
    byId("another").addEventListener("click", () => this.#ask({ type: "another" }));
    byId("record").addEventListener("click", () => {
      this.#ask({ type: "record", value: byId("record").getAttribute("aria-pressed") !== "true" });
    });
    byId("reactivity").addEventListener("change", ({ target }) => {
      this.#ask({ type: "reactivity", value: target.value });
    });
    byId("duck-source").addEventListener("change", ({ target }) => this.#duckFor(target.value));
    byId("duck-depth").addEventListener("input", () => this.#words());
    byId("duck-depth").addEventListener("change", ({ target }) => {
      this.#ask({ type: "duck", depth_db: Number(target.value) });
    });
  }

  /** Shows what the server says is set and, on connecting, may be chosen. */
  show({ reactivity, reactivities, duck }) {
    if (reactivities) {
      const options = reactivities.map((name) => new Option(name, name, false, name === reactivity));
      byId("reactivity").replaceChildren(...options);
    }
    this.#reactivity.show(reactivity);
    // The page that was asked for its microphone may be another, or this one before it was loaded again.
    this.#source.show(duck.source === "page" && !this.#voice ? "elsewhere" : duck.source);
    this.#depth.show(String(duck.depth_db));
  }

  /** A setting has changed: here, or on another page. */
  changed(settings) {
    if (settings.duck.source !== "page" && this.#voice) this.#stopVoice(); // nobody asks for it any more
    this.show(settings);
  }

  /** Takes one telemetry message. */
  add({ recording }) {
    byId("record").setAttribute("aria-pressed", String(recording.on));
    const { on, seconds, place } = recording;
    const time = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    const words = on ? `Recording ${place}, ${time}` : place && `Recorded ${place}, ${time}`;
    if (byId("record-said").textContent !== words) byId("record-said").textContent = words;
  }

  async #duckFor(source) {
    this.#stopVoice();
    this.#sourceWords();
    if (source === "page") {
      try {
        if (!(await this.#microphone.open())) return; // something else was chosen while the user was asked
      } catch {
        byId("duck-source").value = "none";
        this.#fail("The browser gave no microphone: allow it for this page, then choose it again.");
        source = "none";
      }
    }
    if (!(await this.#ask({ type: "duck", source })) || source !== "page") return;
    clearInterval(this.#voice);
    this.#voice = setInterval(() => {
      this.#send({ type: "voice", level_db: this.#microphone.levelDb() }).catch(() => {});
    }, VOICE_EVERY_MS);
    this.#source.show(source);
  }

  #stopVoice() {
    clearInterval(this.#voice);
    this.#voice = 0;
    this.#microphone.close();
  }

  #sourceWords() {
    byId("duck-elsewhere").textContent = byId("duck-source").value === "elsewhere" ? ELSEWHERE : "";
  }

  #words() {
    const { value, max } = byId("duck-depth");
    byId("duck-said").textContent = value === "0" ? "not at all" : `${value} dB`;
    byId("duck-depth").setAttribute("aria-valuetext", `${value} decibels`);
    byId("duck-depth").style.setProperty("--part", `${(100 * value) / max}%`);
  }
}
