// The session's WebSocket: telemetry in, controls out, reconnecting for ever.

import { Backoff, pause } from "./backoff.js";
import { subprotocols } from "./session.js";

const SILENCE_LIMIT_MS = 5000; // telemetry comes ten times a second
const REFUSED = [1008, 1013];

const simple = (field) => ({ field, ask: (value) => ({ value }), asked: ({ value }) => value });

// What a user sets to stay: where the service tells of it, how it is asked for as it was told, and what an `ok`
// to what was asked says that is set. In this order: it is the composer that reads an anchor.
const LASTING = {
  composer: { field: "composer", ask: (name) => ({ name }), asked: ({ name }) => name },
  anchor: { field: "anchor", ask: ({ text }) => ({ text }), asked: (asked, ok) => ok.anchor },
  volume: simple("volume"),
  mute: simple("muted"),
  hold: simple("held"),
  reactivity: simple("reactivity"),
  duck: {
    field: "duck",
    ask: (duck) => duck,
    asked: ({ depth_db, source }, ok, told) => ({
      depth_db: depth_db ?? told.depth_db,
      source: source ?? told.source,
    }),
  },
};

/**
 * Fires `hello`, `settings`, `anchor` and `telemetry` with the message as `detail`, `link` with
 * `detail = true | false` when the socket opens or is lost; before that, `refused` with a sentence when the
 * service will not have us, or "".
 *
 * A service that was restarted has forgotten what was set. What this page has set it sets again, as the service
 * last told it: another page may have changed it since. What was set since the restart is left as it is.
 */
export class Telemetry extends EventTarget {
  #url;
  #socket = null;
  #closed = false;
  #heardAt = 0;
  #waiting = []; // controls not yet answered: {type, message, resolve, reject}
  #mine = new Set(); // types of LASTING that were set from this page
  #told = {}; // what is set, as the service last told it
  #id = ""; // of the session that was told of
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
      if (this.#id && this.#id !== message.id) this.#setAgain(message);
      else this.#know(message);
    } else if (message.type === "settings") {
      if (this.#restoring) return;
      Object.assign(this.#told, message);
      this.#tell("settings", message);
    } else if (message.type === "anchor") {
      if (!this.#restoring) Object.assign(this.#told, message);
      this.#tell("anchor", message);
    } else if (message.type === "telemetry") {
      this.#tell("telemetry", message);
    } else if (message.type === "ok" || message.type === "error") {
      const index = this.#waiting.findIndex(({ type }) => type === message.to);
      if (index < 0) return;
      const [asked] = this.#waiting.splice(index, 1);
      if (message.type === "ok") {
        this.#keep(asked.message, message);
        asked.resolve(message);
      } else asked.reject(new Error(message.detail));
    }
  }

  async #setAgain(hello) {
    const socket = this.#socket;
    const now = { ...hello };
    this.#restoring = true;
    for (const [type, { field, ask }] of Object.entries(LASTING)) {
      if (!this.#mine.has(type) || hello.set.includes(type)) continue;
      try {
        await this.send({ type, ...ask(this.#told[field]) });
        now[field] = this.#told[field];
      } catch {
        // Not possible any more, or gone again.
      }
    }
    this.#restoring = false;
    if (socket.readyState !== WebSocket.OPEN) return; // the next hello starts over
    this.#know(now);
    this.#tell("hello", now);
  }

  #know(hello) {
    this.#id = hello.id;
    this.#told = { ...hello };
  }

  /** The server obeyed. It tells of it to all, but may be gone before it does. */
  #keep(message, ok) {
    const asked = message.type === "panic" ? { type: "mute", value: true } : message;
    if (!(asked.type in LASTING)) return;
    const { field, asked: set } = LASTING[asked.type];
    this.#mine.add(asked.type);
    this.#told[field] = set(asked, ok, this.#told[field]);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
