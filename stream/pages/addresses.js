// The addresses a streamer pastes into OBS.

import { address } from "./session.js";

const SAID_MS = 1600;

/** Fills the fields and wires the copy buttons. */
export function showAddresses() {
  document.getElementById("source-url").value = address.source;
  document.getElementById("whip-url").value = address.whip;
  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy);
    field.addEventListener("focus", () => field.select());
    button.addEventListener("click", async () => {
      const done = await copy(field);
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      document.getElementById("copied").textContent = done ? "Address copied." : "Press Control C to copy it.";
      setTimeout(() => (button.textContent = "Copy"), SAID_MS);
    });
  }
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus(); // No clipboard on a plain http page: select it, so that one key press is enough.
    field.select();
    return false;
  }
}
