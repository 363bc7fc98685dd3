// The mood as a point on Russell's circumplex (1980): valence across, arousal up, with its recent way.

import { FONT, Surface, theme } from "./surface.js";

const TRAIL_S = 15;
const TRAIL_STEP_PX = 2;
const FULL = 0.42; // of the canvas: the radius where valence or arousal is 1

const SECTORS = ["pleasant", "excited", "alert", "tense", "unhappy", "sad", "still", "calm"];

/** A word or two for a mood: "very tense", "slightly sad", "neutral". */
export function moodWord(valence, arousal) {
  const strength = Math.hypot(valence, arousal);
  if (strength < 0.1) return "neutral";
  const eighth = Math.round(Math.atan2(arousal, valence) / (Math.PI / 4));
  const word = SECTORS[(eighth + 8) % 8];
  if (strength < 0.3) return `slightly ${word}`;
  return strength > 0.7 ? `very ${word}` : word;
}

export class Circumplex {
  #surface;
  #backdrop = null;
  #trail = []; // {t, valence, arousal}
  #reading = null;
  #confidence = 0;

  constructor(canvas) {
    this.#surface = new Surface(canvas, (context, width, height, resized) => {
      if (resized || !this.#backdrop) this.#backdrop = backdrop(width, height);
      context.drawImage(this.#backdrop, 0, 0, width, height);
      this.#paint(context, width, height);
    });
  }

  /** Takes one telemetry message. */
  add({ t_s, affect, reading }) {
    if (this.#trail.length && t_s < this.#trail.at(-1).t) this.#trail = []; // the session began anew
    this.#trail.push({ t: t_s, valence: affect.valence, arousal: affect.arousal });
    while (this.#trail[0].t < t_s - TRAIL_S) this.#trail.shift();
    this.#reading = reading && t_s - reading.t_s < 2 ? reading : null;
    this.#confidence = affect.confidence;
    this.#surface.repaint();
  }

  /** [valence, arousal] at a place on the canvas, in CSS pixels; beyond the disc they pass 1. */
  moodAt(x, y) {
    const { width, height } = this.#surface;
    const radius = Math.min(width, height) * FULL;
    return [(x - width / 2) / radius, (height / 2 - y) / radius];
  }

  #paint(context, width, height) {
    const radius = Math.min(width, height) * FULL;
    const x = (valence) => width / 2 + valence * radius;
    const y = (arousal) => height / 2 - arousal * radius;
    const now = this.#trail.at(-1);
    if (!now) return;

    context.strokeStyle = theme.text;
    let from = this.#trail[0];
    for (const to of this.#trail) {
      // Steps too small to see would pile up into bright spots where the mood rests.
      const step = radius * Math.hypot(to.valence - from.valence, to.arousal - from.arousal);
      if (step < TRAIL_STEP_PX) continue;
      const fresh = 1 - (now.t - to.t) / TRAIL_S;
      context.globalAlpha = 0.6 * fresh * fresh;
      context.lineWidth = 1 + 1.5 * fresh;
      context.beginPath();
      context.moveTo(x(from.valence), y(from.arousal));
      context.lineTo(x(to.valence), y(to.arousal));
      context.stroke();
      from = to;
    }
    context.globalAlpha = 1;

    if (this.#reading) {
      context.strokeStyle = theme.soft;
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(x(this.#reading.valence), y(this.#reading.arousal), 4, 0, 2 * Math.PI);
      context.stroke();
    }

    const [px, py] = [x(now.valence), y(now.arousal)];
    const halo = context.createRadialGradient(px, py, 0, px, py, 34);
    halo.addColorStop(0, "rgb(255 255 255 / 45%)");
    halo.addColorStop(1, "rgb(255 255 255 / 0%)");
    context.globalAlpha = 0.3 + 0.7 * this.#confidence;
    context.fillStyle = halo;
    context.beginPath();
    context.arc(px, py, 34, 0, 2 * Math.PI);
    context.fill();
    context.globalAlpha = 1;
    context.fillStyle = theme.text;
    context.beginPath();
    context.arc(px, py, 7, 0, 2 * Math.PI);
    context.fill();
  }
}

/** What never moves, drawn once per size: the disc, its four corners of feeling, the axes, the words. */
function backdrop(width, height) {
  const scale = devicePixelRatio;
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const [cx, cy] = [width / 2, height / 2];
  const radius = Math.min(width, height) * FULL;

  context.save();
  context.beginPath();
  context.arc(cx, cy, radius, 0, 2 * Math.PI);
  context.clip();
  const corners = [
    [theme.joy, 1, -1],
    [theme.tense, -1, -1],
    [theme.low, -1, 1],
    [theme.calm, 1, 1],
  ];
  for (const [color, right, down] of corners) {
    const [gx, gy] = [cx + right * radius * 0.72, cy + down * radius * 0.72];
    const glow = context.createRadialGradient(gx, gy, 0, gx, gy, radius * 1.3);
    glow.addColorStop(0, `${color}94`);
    glow.addColorStop(1, `${color}00`);
    context.fillStyle = glow;
    context.fillRect(0, 0, width, height);
  }
  context.restore();

  context.strokeStyle = "rgb(255 255 255 / 14%)";
  context.lineWidth = 1;
  for (const part of [1, 0.5]) {
    context.beginPath();
    context.arc(cx, cy, radius * part, 0, 2 * Math.PI);
    context.stroke();
  }
  context.beginPath();
  context.moveTo(cx - radius, cy);
  context.lineTo(cx + radius, cy);
  context.moveTo(cx, cy - radius);
  context.lineTo(cx, cy + radius);
  context.stroke();

  const size = Math.max(11, Math.min(14, radius / 11));
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `500 ${size}px ${FONT}`;
  context.fillStyle = theme.text;
  context.fillText("excited", cx + radius * 0.6, cy - radius * 0.6);
  context.fillText("tense", cx - radius * 0.6, cy - radius * 0.6);
  context.fillText("sad", cx - radius * 0.6, cy + radius * 0.6);
  context.fillText("calm", cx + radius * 0.6, cy + radius * 0.6);

  context.font = `${size - 1}px ${FONT}`;
  context.fillStyle = theme.soft;
  context.fillText("more arousal", cx, cy - radius - size * 0.9);
  context.fillText("less arousal", cx, cy + radius + size * 0.9);
  context.save();
  context.translate(cx - radius - size * 0.9, cy);
  context.rotate(-Math.PI / 2);
  context.fillText("unpleasant", 0, 0);
  context.restore();
  context.save();
  context.translate(cx + radius + size * 0.9, cy);
  context.rotate(Math.PI / 2);
  context.fillText("pleasant", 0, 0);
  context.restore();
  return canvas;
}
