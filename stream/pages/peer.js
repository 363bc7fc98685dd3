// A WebRTC connection that is meant to last: it connects, watches, and connects again until stopped.

import { Backoff, pause } from "./backoff.js";
import { SignallingError, exchange, iceServers, release } from "./signalling.js";

const CONNECT_MS = 10_000;
const WATCH_MS = 1000;
const DISCONNECTED_LIMIT_MS = 3000;
const STALL_LIMIT_MS = 5000;
const STEADY_MS = 5000;
const RELEASE_MS = 1000;
const WITHDRAW_MS = 15_000; // after that the service itself has forgotten whoever did not connect

/**
 * Fires `state` with `detail = {state, reason}`; state is `connecting`, `live`, `waiting` (for the next
 * try), `failed` (given up; `reason` says what to do) or `stopped`.
 */
export class Peer extends EventTarget {
  #url;
  #options;
  #run = null;
  #attempt = null;
  #resource = null;
  #offered = Promise.resolve(); // settles once the last offer has been taken, refused or withdrawn

  state = "stopped";
  connection = null;

  /**
   * `prepare(pc)` adds tracks or transceivers. `reshape(sdp)` may rewrite the offer. `progress(pc)` may
   * resolve to a count that has to grow. With `patient`, even a refusal (HTTP 4xx) is tried again.
   */
  constructor(url, { prepare, reshape, progress = null, patient = false }) {
    super();
    this.#url = url;
    this.#options = { prepare, reshape, progress, patient };
  }

  /** Begins, unless it runs already. */
  start() {
    if (this.#run) return;
    this.#run = new AbortController();
    this.#keepConnected(this.#run.signal);
  }

  /** Ends for good; safe to call twice and while the page is closing. */
  stop() {
    if (!this.#run) return;
    this.#run.abort();
    this.#run = null;
    this.#attempt.abort();
    this.#letGo();
    this.#say("stopped");
  }

  /** Drops the present connection, or the present wait, and tries anew. */
  renew() {
    this.#attempt?.abort();
  }

  async #keepConnected(signal) {
    const backoff = new Backoff();
    let everLive = false;
    // A page that was loaded again may ask before its old self's goodbye has arrived.
    let mayBeTaken = true;
    while (!signal.aborted) {
      const attempt = this.#newAttempt();
      let reason = "";
      let wait = 0;
      try {
        this.#say("connecting");
        await this.#connect(attempt);
        const since = performance.now();
        everLive = true;
        this.#say("live");
        reason = await this.#untilLost(attempt);
        if (performance.now() - since > STEADY_MS) backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof SignallingError) wait = error.retryAfterMs;
        reason = attempt.aborted ? "Connecting again." : error.message;
        const reloaded = error.status === 409 && mayBeTaken;
        if (reloaded) mayBeTaken = false;
        if (refused(error) && !reloaded && !everLive && !this.#options.patient) {
          this.#run = null;
          this.#letGo();
          this.#say("failed", reason);
          return;
        }
      }
      if (signal.aborted) return;
      this.#letGo();
      this.#say("waiting", reason);
      await pause(Math.max(wait, backoff.next()), this.#newAttempt());
    }
  }

  #newAttempt() {
    this.#attempt = new AbortController();
    return this.#attempt.signal;
  }

  async #connect(signal) {
    // An offer that was stopped on its way may still hold the place that this one asks for.
    await Promise.race([this.#offered, pause(WITHDRAW_MS, signal)]);
    signal.throwIfAborted();
    const pc = new RTCPeerConnection({ iceServers: await iceServers(this.#url, signal) });
    this.connection = pc;
    this.#options.prepare(pc);
    const offer = exchange(pc, this.#url, { signal, reshape: this.#options.reshape });
    this.#offered = offer.catch(() => {});
    this.#resource = await offer;
    await connected(pc, signal);
  }

  #letGo() {
    const pc = this.connection;
    this.connection = null;
    // The resource first: closing tells the service by itself, and the DELETE would find nothing to delete.
    Promise.race([release(this.#resource), pause(RELEASE_MS)]).then(() => pc?.close());
    this.#resource = null;
  }

  /** Resolves with the reason when the connection is lost. */
  async #untilLost(signal) {
    const pc = this.connection;
    const { progress } = this.#options;
    let best = -1;
    let grewAt = performance.now();
    let wellAt = performance.now();
    while (!signal.aborted) {
      if (["failed", "closed"].includes(pc.connectionState)) return "The connection was lost.";
      const now = performance.now();
      if (pc.connectionState === "connected") wellAt = now;
      if (now - wellAt > DISCONNECTED_LIMIT_MS) return "The connection was lost.";
      if (progress) {
        const count = await progress(pc);
        if (count > best) {
          best = count;
          grewAt = now;
        }
        if (now - grewAt > STALL_LIMIT_MS) return "The connection stands but nothing arrives.";
      }
      await changeOrPause(pc, WATCH_MS, signal);
    }
    return "Connecting again.";
  }

  #say(state, reason = "") {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason } }));
  }
}

// 404, 408 and 429 pass by themselves; other refusals need the user.
function refused(error) {
  const status = error instanceof SignallingError ? error.status : 0;
  return status >= 400 && status < 500 && ![404, 408, 429].includes(status);
}

async function connected(pc, signal) {
  const limit = performance.now() + CONNECT_MS;
  while (pc.connectionState !== "connected") {
    signal.throwIfAborted();
    if (performance.now() > limit || ["failed", "closed"].includes(pc.connectionState)) {
      throw new SignallingError(
        "The service answered, but no media connection came about. A firewall may be blocking UDP.",
      );
    }
    await changeOrPause(pc, 250, signal);
  }
}

async function changeOrPause(pc, ms, signal) {
  const woken = new AbortController();
  const wake = () => woken.abort();
  pc.addEventListener("connectionstatechange", wake);
  await pause(ms, signal, woken.signal);
  pc.removeEventListener("connectionstatechange", wake);
}
