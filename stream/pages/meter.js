// A level meter: a bar for the loudness (RMS), a mark that lingers at the peak.

const FLOOR_DB = -60;
const PEAK_FALL_DB_S = 12;

export class Meter {
  #root;
  #rest;
  #mark;
  #peak = FLOOR_DB;
  #at = 0;

  /** `rest` covers what the bar does not reach; both it and `mark` only ever get a transform: that is cheap. */
  constructor(root, rest, mark) {
    this.#root = root;
    this.#rest = rest;
    this.#mark = mark;
  }

  /** Takes one telemetry message. Levels are dB below full scale. */
  add({ levels }) {
    const now = performance.now() / 1000;
    this.#peak = Math.max(levels.peak_db, this.#peak - PEAK_FALL_DB_S * (now - this.#at));
    this.#at = now;
    this.#rest.style.transform = `scaleX(${1 - share(levels.rms_db)})`;
    this.#mark.style.transform = `translateX(${100 * share(this.#peak)}%)`;
  }

  /** Brings the meter's words up to date: not at every message, or a screen reader never rests. */
  say({ levels }) {
    const db = Math.max(FLOOR_DB, Math.round(levels.rms_db));
    this.#root.setAttribute("aria-valuenow", String(db));
    this.#root.setAttribute("aria-valuetext", db <= FLOOR_DB ? "silent" : `${db} decibels`);
  }
}

function share(db) {
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB)) || 0;
}
