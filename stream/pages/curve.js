// Valence and arousal over the last minute and a half, with the picture's cuts marked.

import { FONT, Surface, theme } from "./surface.js";

const SPAN_S = 90;
const MARGIN = { top: 14, right: 48, bottom: 20, left: 26 };

export class Curve {
  #surface;
  #points = []; // {t, valence, arousal}
  #cuts = [];

  constructor(canvas) {
    this.#surface = new Surface(canvas, (context, width, height) => this.#paint(context, width, height));
  }

  /** Takes one telemetry message. */
  add({ t_s, affect, cuts }) {
    if (this.#points.length && t_s < this.#points.at(-1).t) {
      this.#points = []; // the session began anew
      this.#cuts = [];
    }
    this.#points.push({ t: t_s, valence: affect.valence, arousal: affect.arousal });
    this.#cuts.push(...cuts);
    while (this.#points[0].t < t_s - SPAN_S) this.#points.shift();
    while (this.#cuts.length && this.#cuts[0] < t_s - SPAN_S) this.#cuts.shift();
    this.#surface.repaint();
  }

  /** The curve in words. */
  said() {
    if (!this.#points.length) return "Nothing yet.";
    const range = (name) => {
      const values = this.#points.map((point) => point[name]);
      return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
    };
    const cuts = this.#cuts.length === 1 ? "1 cut" : `${this.#cuts.length} cuts`;
    return `Valence ${range("valence")}, arousal ${range("arousal")}, ${cuts}.`;
  }

  #paint(context, width, height) {
    const now = this.#points.at(-1)?.t ?? 0;
    const [left, right] = [MARGIN.left, width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
    const x = (t) => right - ((now - t) / SPAN_S) * (right - left);
    const y = (value) => (top + bottom) / 2 - (value * (bottom - top)) / 2;

    context.font = `11px ${FONT}`;
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of [-1, 0, 1]) {
      context.strokeStyle = value === 0 ? "rgb(255 255 255 / 18%)" : theme.line;
      context.beginPath();
      context.moveTo(left, Math.round(y(value)) + 0.5);
      context.lineTo(right, Math.round(y(value)) + 0.5);
      context.stroke();
      context.fillStyle = theme.faint;
      context.fillText(value > 0 ? "+1" : value < 0 ? "−1" : "0", left - 6, y(value));
    }
    context.textBaseline = "alphabetic";
    context.textAlign = "center";
    const every = right - left < 360 ? 30 : 15;
    for (let ago = every; ago < SPAN_S; ago += every) {
      context.fillText(`−${ago} s`, x(now - ago), height - 4);
    }
    context.fillText("now", right, height - 4);

    for (const cut of this.#cuts) {
      const cx = Math.round(x(cut)) + 0.5;
      if (cx < left) continue;
      context.strokeStyle = theme.cut;
      context.globalAlpha = 0.45;
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(cx, top);
      context.lineTo(cx, bottom);
      context.stroke();
      context.setLineDash([]);
      context.globalAlpha = 1;
      context.fillStyle = theme.cut;
      context.beginPath();
      context.moveTo(cx - 4, top - 8);
      context.lineTo(cx + 4, top - 8);
      context.lineTo(cx, top - 1);
      context.fill();
    }

    if (!this.#points.length) return;
    for (const name of ["valence", "arousal"]) this.#line(context, name, x, y);
    this.#label(context, right, top, bottom, y);
  }

  #line(context, name, x, y) {
    context.strokeStyle = theme[name];
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.beginPath();
    for (const point of this.#points) context.lineTo(x(point.t), y(point[name]));
    context.stroke();
  }

  // The two present values, at the end of their lines, kept apart so that both can be read.
  #label(context, right, top, bottom, y) {
    const now = this.#points.at(-1);
    const ends = ["valence", "arousal"]
      .map((name) => ({ name, at: y(now[name]), text: signed(now[name]) }))
      .sort((a, b) => a.at - b.at);
    const gap = 14 - (ends[1].at - ends[0].at);
    const shifts = gap > 0 ? [-gap / 2, gap / 2] : [0, 0];
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.font = `600 12px ${FONT}`;
    ends.forEach(({ name, at, text }, index) => {
      context.fillStyle = theme[name];
      context.beginPath();
      context.arc(right, at, 3.5, 0, 2 * Math.PI);
      context.fill();
      context.fillText(text, right + 9, Math.min(bottom, Math.max(top, at + shifts[index])));
    });
  }
}

/** A value with its sign and two decimals, with a real minus. */
export function signed(value) {
  const digits = Math.abs(value).toFixed(2);
  if (digits === "0.00") return digits;
  return (value < 0 ? "−" : "+") + digits;
}
