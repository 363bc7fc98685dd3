// A canvas kept at the screen's real resolution, with the theme's colors at hand.

const names = ["text", "soft", "faint", "line", "valence", "arousal", "cut", "joy", "tense", "low", "calm"];

export const theme = (() => {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
})();

export const FONT = '-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

export class Surface {
  #canvas;
  #paint;
  #due = false;

  width = 0; // CSS pixels
  height = 0;

  /** `paint(context, width, height, resized)` draws everything, in CSS pixels. */
  constructor(canvas, paint) {
    this.#canvas = canvas;
    this.#paint = paint;
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  /** Paints before the next frame the browser shows; not at all while the page is hidden. */
  repaint() {
    if (this.#due || this.width === 0) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw(false);
    });
  }

  #fit() {
    const scale = devicePixelRatio;
    this.width = this.#canvas.clientWidth;
    this.height = this.#canvas.clientHeight;
    this.#canvas.width = Math.round(this.width * scale);
    this.#canvas.height = Math.round(this.height * scale);
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
    if (this.width > 0) this.#draw(true);
  }

  #draw(resized) {
    this.context.clearRect(0, 0, this.width, this.height);
    this.#paint(this.context, this.width, this.height, resized);
  }
}
