// The session's WebSocket: telemetry in, controls out, reconnecting for ever.

import { Backoff, pause } from "./backoff.js";

const SILENCE_LIMIT_MS = 5000; // telemetry comes ten times a second

/**
 * Fires `hello` and `telemetry` with the message as `detail`, and `link` with `detail = true | false` when
 * the socket opens or is lost.
 */
export class Telemetry extends EventTarget {
  #url;
  #socket = null;
  #closed = false;
  #heardAt = 0;
  #waiting = []; // controls not yet answered: {type, resolve, reject}

  constructor(url) {
    super();
    this.#url = url;
  }

  /** Connects and stays connected until `close`. */
  async open() {
    this.#closed = false;
    const backoff = new Backoff();
    while (!this.#closed) {
      if (await this.#once()) backoff.reset();
      if (!this.#closed) await pause(backoff.next());
    }
  }

  close() {
    this.#closed = true;
    this.#socket?.close();
  }

  /** Sends one control. Resolves with the `ok`; rejects with a sentence for the user. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error("Not connected to the service just now: try again in a moment."));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ type: message.type, resolve, reject });
      this.#socket.send(JSON.stringify(message));
    });
  }

  /** One socket from open to close. Resolves to whether anything was heard on it. */
  #once() {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#url);
      let heard = false;
      this.#socket = socket;
      this.#heardAt = performance.now();
      const watch = setInterval(() => {
        if (performance.now() - this.#heardAt > SILENCE_LIMIT_MS) socket.close();
      }, 1000);
      socket.onmessage = (event) => {
        heard = true;
        this.#heardAt = performance.now();
        this.#take(JSON.parse(event.data));
      };
      socket.onclose = () => {
        clearInterval(watch);
        for (const { reject } of this.#waiting.splice(0)) {
          reject(new Error("The service went away before it answered: try again in a moment."));
        }
        this.#tell("link", false);
        resolve(heard);
      };
    });
  }

  #take(message) {
    if (message.type === "hello") {
      this.#tell("link", true);
      this.#tell("hello", message);
    } else if (message.type === "telemetry") {
      this.#tell("telemetry", message);
    } else if (message.type === "ok" || message.type === "error") {
      const index = this.#waiting.findIndex(({ type }) => type === message.to);
      if (index < 0) return;
      const [{ resolve, reject }] = this.#waiting.splice(index, 1);
      if (message.type === "ok") resolve(message);
      else reject(new Error(message.detail));
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
