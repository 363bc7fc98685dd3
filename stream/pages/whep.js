// Listening to a session over WHEP, in stereo, through one audio element.

import { Peer } from "./peer.js";

const FADE_STEP_MS = 25;

export class Listener {
  #audio;
  #fade = 0;
  #blocked = null;

  /** Plays what `url` (a WHEP endpoint) sends on `audio` (an HTMLAudioElement). */
  constructor(url, audio, { patient = false } = {}) {
    this.#audio = audio;
    this.peer = new Peer(url, {
      prepare: (pc) => this.#prepare(pc),
      reshape: (sdp) => withResending(inStereo(sdp)),
      progress: packets,
      patient,
    });
  }

  start() {
    this.peer.start();
  }

  stop() {
    this.peer.stop();
    this.#blocked?.abort();
    this.#audio.srcObject = null;
  }

  /** Fades this page's own loudness to `volume` (0 to 1) over `ms`. */
  fadeTo(volume, ms = 400) {
    clearInterval(this.#fade);
    const from = this.#audio.volume;
    const began = performance.now();
    this.#fade = setInterval(() => {
      const part = ms > 0 ? Math.min(1, (performance.now() - began) / ms) : 1;
      this.#audio.volume = from + (volume - from) * part;
      if (part === 1) clearInterval(this.#fade);
    }, FADE_STEP_MS);
  }

  /** The network's part of the way to the ear in ms: half a round trip and the jitter buffer. */
  async delayMs() {
    const pc = this.peer.connection;
    if (!pc || this.peer.state !== "live") return null;
    let trip = 0;
    let buffer = 0;
    for (const report of (await pc.getStats()).values()) {
      if (report.type === "candidate-pair" && report.nominated) {
        trip = (report.currentRoundTripTime ?? 0) * 1000;
      }
      if (report.type === "inbound-rtp" && report.jitterBufferEmittedCount) {
        buffer = (report.jitterBufferDelay / report.jitterBufferEmittedCount) * 1000;
      }
    }
    return trip / 2 + buffer;
  }

  #prepare(pc) {
    const { receiver } = pc.addTransceiver("audio", { direction: "recvonly" });
    this.#audio.srcObject = new MediaStream([receiver.track]);
    this.#play();
  }

  // Outside OBS a browser may refuse to play before the user has touched the page: then the first touch
  // starts it.
  async #play() {
    try {
      await this.#audio.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return; // A newer source has taken this one's place.
      this.#blocked?.abort();
      this.#blocked = new AbortController();
      const again = () => {
        this.#blocked.abort();
        this.#play();
      };
      for (const gesture of ["pointerdown", "keydown"]) {
        addEventListener(gesture, again, { signal: this.#blocked.signal });
      }
    }
  }
}

// Chromium decodes Opus to mono unless its own offer asks for stereo (RFC 7587, section 6.1).
function inStereo(sdp) {
  const opus = /^a=rtpmap:(\d+) opus\/48000\/2/m.exec(sdp);
  if (!opus) return sdp;
  const line = new RegExp(`^(a=fmtp:${opus[1]} .*?)(\\r?)$`, "m");
  return line.test(sdp) ? sdp.replace(line, "$1;stereo=1$2") : sdp;
}

// Chromium asks for lost packets again if both sides say so (RFC 4585), but for sound it does not offer it.
function withResending(sdp) {
  return sdp.replace(/^(a=rtpmap:(\d+) opus\/48000\/2)(\r?)$/m, "$1$3\na=rtcp-fb:$2 nack$3");
}

async function packets(pc) {
  for (const report of (await pc.getStats()).values()) {
    if (report.type === "inbound-rtp" && report.kind === "audio") return report.packetsReceived;
  }
  return 0;
}
