// A control that shows a setting of the session, which other pages may change as well.

const SETTLE_MS = 1000; // by then the service has been asked for what the user chose here, and has told all pages

export class Setting {
  #control;
  #shown;
  #touchedAt = -Infinity;
  #later = 0;

  /** `control` is an <input> or a <select>; `shown()` is called after each `show`. */
  constructor(control, shown = () => {}) {
    this.#control = control;
    this.#shown = shown;
    for (const type of ["input", "change"]) {
      control.addEventListener(type, () => (this.#touchedAt = performance.now()));
    }
  }

  /** Shows what is set: at once, or when the user has let go of the control. */
  show(value) {
    clearTimeout(this.#later);
    if (this.#inHand()) {
      this.#later = setTimeout(() => this.show(value), SETTLE_MS);
    } else {
      this.#control.value = value;
      this.#shown();
    }
  }

  #inHand() {
    return performance.now() - this.#touchedAt < SETTLE_MS || this.#control.matches(":active");
  }
}
