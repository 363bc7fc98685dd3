// Volume, mute and hold: settings of the session, for every listener.

import { Setting } from "./setting.js";

const SEND_EVERY_MS = 80;

export class Sound {
  #ask;
  #volume = document.getElementById("volume");
  #said = document.getElementById("volume-said");
  #shown = new Setting(this.#volume, () => this.#words());
  #timer = 0;

  /** `ask(message)` asks the server and resolves to whether it obeyed. */
  constructor(ask) {
    this.#ask = ask;
    this.#volume.addEventListener("input", () => {
      this.#words();
      this.#timer ||= setTimeout(() => {
        this.#timer = 0;
        this.#ask({ type: "volume", value: Number(this.#volume.value) / 100 });
      }, SEND_EVERY_MS);
    });
    for (const type of ["mute", "hold"]) {
      const button = document.getElementById(type);
      button.addEventListener("click", async () => {
        const value = button.getAttribute("aria-pressed") !== "true";
        if (await this.#ask({ type, value })) button.setAttribute("aria-pressed", String(value));
      });
    }
  }

  /** Shows what the server says is set: on connecting, and after each change. */
  show({ volume, muted, held }) {
    this.#shown.show(String(Math.round(volume * 100)));
    document.getElementById("mute").setAttribute("aria-pressed", String(muted));
    document.getElementById("hold").setAttribute("aria-pressed", String(held));
  }

  #words() {
    this.#said.textContent = `${this.#volume.value} %`;
    this.#volume.setAttribute("aria-valuetext", `${this.#volume.value} percent`);
    this.#volume.style.setProperty("--part", `${this.#volume.value}%`);
  }
}
