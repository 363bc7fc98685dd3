// The session's WebSocket: telemetry in, controls out, reconnecting for ever.

import { Backoff, pause } from "./backoff.js";
import { subprotocols } from "./session.js";

const SILENCE_LIMIT_MS = 5000; // telemetry comes ten times a second
const REFUSED = [1008, 1013];

// What a user sets to stay, and where `hello` tells of it.
const LASTING = {
  anchor: (asked, reply) => ({ anchor: reply.anchor }),
  composer: ({ name }, reply) => ({ composer: name, anchor: reply.anchor }),
  volume: ({ value }) => ({ volume: value }),
  mute: ({ value }) => ({ muted: value }),
  hold: ({ value }) => ({ held: value }),
  reactivity: ({ value }) => ({ reactivity: value }),
  duck: ({ depth_db, source }, reply, hello) => ({
    duck: { depth_db: depth_db ?? hello.duck.depth_db, source: source ?? hello.duck.source },
  }),
};

/**
 * Fires `hello`, `settings`, `anchor` and `telemetry` with the message as `detail`, `link` with
 * `detail = true | false` when the socket opens or is lost; before that, `refused` with a sentence when the
 * service will not have us, or "".
 *
 * A service that was restarted has forgotten what was set: whatever was set from this page is set again.
 */
export class Telemetry extends EventTarget {
  #url;
  #socket = null;
  #closed = false;
  #heardAt = 0;
  #waiting = []; // controls not yet answered: {type, message, resolve, reject}
  #set = new Map(); // type -> the last message of that type which the server obeyed
  #id = ""; // of the session we last spoke with
  #restoring = false; // while what was set is set again, what is told is half of it

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
      this.#waiting.push({ type: message.type, message, resolve, reject });
      this.#socket.send(JSON.stringify(message));
    });
  }

  /** One socket from open to close. Resolves to whether anything was heard on it. */
  #once() {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#url, subprotocols);
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
      socket.onclose = ({ code, reason }) => {
        clearInterval(watch);
        for (const { reject } of this.#waiting.splice(0)) {
          reject(new Error("The service went away before it answered: try again in a moment."));
        }
        this.#tell("refused", REFUSED.includes(code) ? reason : "");
        this.#tell("link", false);
        resolve(heard);
      };
    });
  }

  #take(message) {
    if (message.type === "hello") {
      this.#tell("link", true);
      this.#tell("hello", message);
      const forgotten = this.#id && this.#id !== message.id;
      this.#id = message.id;
      if (forgotten) this.#setAgain(message);
    } else if (message.type === "settings") {
      if (!this.#restoring) this.#tell("settings", message);
    } else if (message.type === "anchor" || message.type === "telemetry") {
      this.#tell(message.type, message);
    } else if (message.type === "ok" || message.type === "error") {
      const index = this.#waiting.findIndex(({ type }) => type === message.to);
      if (index < 0) return;
      const [asked] = this.#waiting.splice(index, 1);
      if (message.type === "ok") {
        this.#keep(asked.message);
        asked.resolve(message);
      } else asked.reject(new Error(message.detail));
    }
  }

  async #setAgain(hello) {
    const now = { ...hello };
    this.#restoring = true;
    for (const asked of [...this.#set.values()]) {
      try {
        Object.assign(now, LASTING[asked.type](asked, await this.send(asked), now));
      } catch {
        // Not possible any more, or gone again: then the next hello starts over.
      }
    }
    this.#restoring = false;
    this.#tell("hello", now);
  }

  #keep(message) {
    if (message.type === "panic") this.#set.set("mute", { type: "mute", value: true });
    else if (message.type in LASTING) {
      this.#set.set(message.type, { ...this.#set.get(message.type), ...message }); // a duck may name half of it
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
