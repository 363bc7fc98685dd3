// The addresses a streamer pastes into OBS. Tokens are shown only while a field has the focus: this page may be
// on stream.

import { address, token } from "./session.js";

const SAID_MS = 1600;
const MASK = "•".repeat(8);

/** Fills the fields and wires the copy buttons. */
export function showAddresses() {
  const overlay = document.getElementById("overlay");
  const source = () => fill("source-url", withOverlay(overlay.value), token && "#token=");
  overlay.addEventListener("change", source);
  source();
  fill("audio-url", address.audio, token && "?token=");
  fill("whip-url", address.whip);
  if (token) {
    fill("whip-token", "", " ");
    document.getElementById("whip-token-row").hidden = false;
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy);
    field.addEventListener("focus", () => {
      field.value = field.dataset.whole;
      field.select();
    });
    field.addEventListener("blur", () => (field.value = field.dataset.shown));
    button.addEventListener("click", async () => {
      const done = await copy(field);
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      document.getElementById("copied").textContent = done ? "Address copied." : "Press Control C to copy it.";
      setTimeout(() => (button.textContent = "Copy"), SAID_MS);
    });
  }
}

function withOverlay(parts) {
  if (!parts) return address.source;
  return `${address.source}${address.source.includes("?") ? "&" : "?"}overlay=${parts}`;
}

/** `before` is what stands between the address and the token; without it there is no token in this field. */
function fill(id, plain, before = "") {
  const field = document.getElementById(id);
  field.dataset.whole = before ? (plain + before + token).trim() : plain;
  field.dataset.shown = before ? (plain + before + MASK).trim() : plain;
  field.value = field.dataset.shown;
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.dataset.whole);
    return true;
  } catch {
    field.focus(); // No clipboard on a plain http page: select it, so that one key press is enough.
    field.select();
    return false;
  }
}
