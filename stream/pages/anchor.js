// The style the music is anchored to: presets, free text, and what was understood of it.

export class Anchor {
  #send;
  #presets = document.getElementById("presets");
  #form = document.getElementById("anchor");
  #text = document.getElementById("anchor-text");
  #reply = document.getElementById("anchor-reply");

  /** `send(text)` asks the server and resolves to its reply, or rejects with a sentence for the user. */
  constructor(send) {
    this.#send = send;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(this.#text.value);
    });
  }

  /** Shows what the server says is set: on connecting, and after each change. */
  show(presets, anchor) {
    if (presets) this.#presets.replaceChildren(...presets.map((name) => this.#button(name)));
    for (const button of this.#presets.children) {
      button.setAttribute("aria-pressed", String(button.value === anchor.text));
    }
    if (!this.#text.value && !presetNamed(this.#presets, anchor.text)) this.#text.value = anchor.text;
  }

  /** The anchor has changed: here, on another page, or because the picture asked for it. */
  changed(anchor) {
    this.show(null, anchor);
    this.#say(anchor);
  }

  async #ask(text) {
    try {
      const { anchor } = await this.#send(text);
      this.show(null, anchor);
      this.#say(anchor);
    } catch (error) {
      this.#reply.replaceChildren(line("bad", error.message));
    }
  }

  #say(anchor) {
    const lines = [];
    const fields = ["genre", "instrumentation", "atmosphere", "pacing"];
    const meant = fields.map((name) => anchor[name]).filter(Boolean);
    if (anchor.understood.length) lines.push(line("", "Understood: ", anchor.understood.join(", ")));
    if (anchor.ignored.length) lines.push(line("fair", "Not understood: ", anchor.ignored.join(", ")));
    if (anchor.ignored.length && !anchor.understood.length) {
      lines.push(line("", "Try a style above, or words such as slow, dreamy, piano, strings, no drums."));
    }
    if (meant.length) lines.push(line("", "Plays: ", meant.join(", ")));
    if (!lines.length) lines.push(line("", "Plays: ", anchor.preset || anchor.text));
    this.#reply.replaceChildren(...lines);
  }

  #button(name) {
    const button = document.createElement("button");
    button.type = "button";
    button.value = name;
    button.textContent = name;
    button.addEventListener("click", () => {
      this.#text.value = "";
      this.#ask(name);
    });
    return button;
  }
}

function presetNamed(group, text) {
  return [...group.children].some((button) => button.value === text);
}

function line(mark, head, rest = "") {
  const paragraph = document.createElement("p");
  paragraph.dataset.mark = mark;
  paragraph.append(head);
  if (rest) {
    const strong = document.createElement("b");
    strong.textContent = rest;
    paragraph.append(strong);
  }
  return paragraph;
}
