// Waiting between tries: doubling, capped, and jittered so that many pages do not come back at once.

const FIRST_MS = 500;
const LONGEST_MS = 4000;

export class Backoff {
  #tries = 0;

  /** The next wait in ms: between half and all of 0.5, 1, 2, 4, 4 ... seconds. */
  next() {
    const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries);
    this.#tries += 1;
    return whole * (0.5 + 0.5 * Math.random());
  }

  reset() {
    this.#tries = 0;
  }
}

/**
 * Resolves after `ms`, or at once when one of `signals` aborts. (OBS 30 and older carry a Chromium 103, which
 * has no AbortSignal.any.)
 */
export function pause(ms, ...signals) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener("abort", done);
    if (signals.some((signal) => signal.aborted)) done();
  });
}
