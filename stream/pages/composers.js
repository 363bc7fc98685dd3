// Who makes the music: a choice among the composers the service was started with, and the licence of the one
// that plays.

const byId = (id) => document.getElementById(id);

export class Composers {
  #ask;
  #fail;
  #choice = byId("composer");
  #licence = byId("composer-licence");
  #licences = new Map(); // name -> licence
  #present = "";

  /** `ask(name)` has the server change over and rejects with a sentence for the user, which `fail` shows. */
  constructor(ask, fail) {
    this.#ask = ask;
    this.#fail = fail;
    this.#choice.addEventListener("change", () => this.#change(this.#choice.value));
  }

  /** Shows who can be chosen, on connecting. With one there is nothing to choose, but a licence to tell. */
  show({ composer, composers }) {
    this.#licences = new Map(composers.map(({ name, licence }) => [name, licence]));
    this.#choice.replaceChildren(...composers.map(({ name, title }) => new Option(title, name)));
    byId("composer-field").hidden = composers.length < 2;
    this.changed(composer);
  }

  /** Another composer plays: chosen here or on another page. */
  changed(name) {
    this.#present = name;
    this.#choice.value = name;
    const words = `Licence: ${this.#licences.get(name)}.`;
    if (this.#licence.textContent !== words) this.#licence.textContent = words;
  }

  async #change(name) {
    try {
      await this.#ask(name);
      this.changed(name);
    } catch (error) {
      this.#choice.value = this.#present;
      this.#fail(error.message);
    }
  }
}
