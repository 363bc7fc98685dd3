// Publishing one video track over WHIP, small and slow: the sensor needs no more.

import { Peer } from "./peer.js";

export const MAX_WIDTH = 640;
export const MAX_FPS = 10;
const MAX_BITRATE = 800_000;

export class Publisher {
  #track = null;
  #sender = null;

  /** `url` is the WHIP endpoint of the session. */
  constructor(url) {
    this.peer = new Peer(url, { prepare: (pc) => this.#prepare(pc) });
    this.peer.addEventListener("state", ({ detail }) => {
      if (detail.state !== "live") this.#sender = null; // of a connection that is no more
      this.fit();
    });
  }

  /** Sends `track`; a track already being sent is replaced without a new connection. */
  async send(track) {
    this.#track = track;
    this.peer.start();
    if (!this.#sender) return; // the connection that is on its way begins with this track
    await this.#sender.replaceTrack(track);
    await this.fit();
  }

  stop() {
    this.peer.stop();
    this.#track = null;
  }

  /** Scales what is sent to at most 640 px wide. Call again when the source changes its size. */
  async fit() {
    if (this.peer.state !== "live") return; // before, the parameters are those of #prepare and cannot change
    const parameters = this.#sender.getParameters();
    parameters.encodings[0].scaleResolutionDownBy = shrink(this.#track.getSettings().width ?? 0);
    await this.#sender.setParameters(parameters).catch(() => {
      // The connection has been closed meanwhile: the next one begins with the right scale.
    });
  }

  /** What is really sent: `{width, height, fps, frames}`, or null before the first frame. */
  async sending() {
    const pc = this.peer.connection;
    if (!pc) return null;
    for (const report of (await pc.getStats()).values()) {
      if (report.type === "outbound-rtp" && report.kind === "video" && report.frameWidth) {
        const { frameWidth: width, frameHeight: height, framesPerSecond: fps = 0, framesSent: frames } = report;
        return { width, height, fps, frames };
      }
    }
    return null;
  }

  #prepare(pc) {
    const transceiver = pc.addTransceiver(this.#track, {
      direction: "sendonly",
      sendEncodings: [
        {
          maxBitrate: MAX_BITRATE,
          maxFramerate: MAX_FPS,
          scaleResolutionDownBy: shrink(this.#track.getSettings().width ?? 0),
        },
      ],
    });
    this.#sender = transceiver.sender;
  }
}

function shrink(width) {
  return Math.max(1, width / MAX_WIDTH);
}
