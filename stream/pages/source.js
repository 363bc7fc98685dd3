// The page for an OBS browser source: it plays the session's music and looks after itself.

import { Overlay, asked } from "./overlay.js";
import { address, session } from "./session.js";
import { Telemetry } from "./telemetry.js";
import { Listener } from "./whep.js";

const NOTE_AFTER_MS = 15_000;

const note = document.getElementById("note");
const audio = document.getElementById("music");
const listener = new Listener(address.whep, audio, { patient: true });

// The same source added to two scenes would be heard twice: whoever holds the lock plays, and when that
// copy goes away the next one takes over. Where there are no locks (plain http from another machine),
// every copy plays.
if (navigator.locks) {
  navigator.locks.request(`narrascore-source-${session}`, () => {
    document.documentElement.dataset.role = "leader";
    listener.start();
    return new Promise(() => {}); // held until the page closes
  });
} else {
  listener.start();
}

// OBS says when the source is on air. Where nobody says so, it always is.
addEventListener("obsSourceActiveChanged", (event) => listener.fadeTo(event.detail.active ? 1 : 0));

// The overlay needs telemetry, and so does telling of a cut; a source that only plays opens no socket.
const telemetry = new Telemetry(address.socket);
const shown = asked(location.search);
const inObs = "obsstudio" in window;
if (shown.mood || shown.now) {
  const overlay = new Overlay(document.getElementById("overlay"), location.search);
  telemetry.addEventListener("telemetry", ({ detail }) => overlay.show(detail));
}
if (shown.mood || shown.now || inObs) telemetry.open();

// A scene switch is a cut. With a token that may not control, the service says no and nothing is lost.
addEventListener("obsSceneChanged", () => telemetry.send({ type: "cut" }).catch(() => {}));

addEventListener("pagehide", () => {
  listener.stop();
  telemetry.close();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// A viewer of the stream must never read our troubles: a note shows only with ?note=on.
if (new URLSearchParams(location.search).get("note") === "on") {
  let timer = 0;
  listener.peer.addEventListener("state", ({ detail }) => {
    if (detail.state === "live") {
      clearTimeout(timer);
      timer = 0;
      note.hidden = true;
    } else {
      note.textContent = detail.reason || note.textContent || "Connecting to NarraScore Live.";
      timer ||= setTimeout(() => (note.hidden = false), NOTE_AFTER_MS);
    }
  });
}

listener.peer.addEventListener("state", ({ detail }) => {
  document.documentElement.dataset.state = detail.state;
});
