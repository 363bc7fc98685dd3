// The studio page: wires the cards to the session's telemetry and controls.

import { showAddresses } from "./addresses.js";
import { Anchor } from "./anchor.js";
import { asking } from "./ask.js";
import { Circumplex, moodWord } from "./circumplex.js";
import { Composers } from "./composers.js";
import { Curve, signed } from "./curve.js";
import { Desk } from "./desk.js";
import { Health, playingWords } from "./health.js";
import { Meter } from "./meter.js";
import { Pad } from "./pad.js";
import { Picture } from "./picture.js";
import { address, session } from "./session.js";
import { Sound } from "./sound.js";
import { Telemetry } from "./telemetry.js";
import { Listener } from "./whep.js";

const WORDS_EVERY_MS = 1000;
const GONE = "No word from the service. Check that narrascore serve is running: this page comes back by itself.";

const byId = (id) => document.getElementById(id);

const telemetry = new Telemetry(address.socket);
const listener = new Listener(address.whep, byId("music"));
const circumplex = new Circumplex(byId("circumplex"));
const curve = new Curve(byId("curve"));
const meter = new Meter(byId("meter"), byId("meter-rest"), byId("meter-peak"));
const health = new Health(byId("health"), byId("advice"));
const send = (message) => telemetry.send(message);
const ask = asking(send, fail);
const anchor = new Anchor((text) => send({ type: "anchor", text }));
const composers = new Composers(async (name) => {
  anchor.changed((await send({ type: "composer", name })).anchor);
}, fail);
const sound = new Sound(ask);
const desk = new Desk(ask, send, fail);
const pad = new Pad(byId("pad"), byId("pad-said"), circumplex, send, fail);
const picture = new Picture({ started: () => listenSettled || listen(true), fail });

let latest = null;
let linked = false;
let refused = ""; // why the service will not have us
let deaf = ""; // why there is no sound here just now
let listenSettled = false; // once listening has been turned on or off, Start no longer decides it

/** Shows what went wrong and what to do; an empty text takes it away. */
function fail(words) {
  byId("error-text").textContent = words;
  byId("error").hidden = !words;
}

/** Shows a sentence that needs no answer; an empty one takes it away. */
function notice(text) {
  if (byId("notice").textContent !== text) byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

function listen(on) {
  listenSettled = true;
  if (on) listener.start();
  else listener.stop();
  byId("listen").setAttribute("aria-pressed", String(on));
}

async function words() {
  if (!latest) return;
  const { valence, arousal } = latest.affect;
  const word = moodWord(valence, arousal);
  byId("mood-said").textContent =
    `${word[0].toUpperCase()}${word.slice(1)}: valence ${signed(valence)}, arousal ${signed(arousal)}`;
  byId("curve-said").textContent = curve.said();
  byId("playing").textContent = playingWords(latest);
  meter.say(latest);
  if (linked) notice(latest.notice || deaf);
  health.say(latest, await listener.delayMs());
  await picture.look(latest);
}

telemetry.addEventListener("link", ({ detail: up }) => {
  linked = up;
  document.body.dataset.stale = String(!up);
  byId("link").dataset.state = up ? "good" : "waiting";
  byId("link").textContent = up ? "Connected" : "Connecting again";
  notice(up ? "" : refused || GONE);
});
telemetry.addEventListener("hello", ({ detail }) => {
  anchor.show(detail.presets, detail.anchor);
  composers.show(detail);
  sound.show(detail);
  desk.show(detail);
});
telemetry.addEventListener("settings", ({ detail }) => {
  sound.show(detail);
  desk.changed(detail);
});
telemetry.addEventListener("anchor", ({ detail }) => {
  anchor.changed(detail.anchor);
  composers.changed(detail.composer);
});
telemetry.addEventListener("refused", ({ detail }) => (refused = detail));
telemetry.addEventListener("telemetry", ({ detail }) => {
  latest = detail;
  circumplex.add(detail);
  curve.add(detail);
  meter.add(detail);
  health.add(detail);
  pad.add(detail);
  desk.add(detail);
});

listener.peer.addEventListener("state", ({ detail }) => {
  if (detail.state === "waiting") deaf = `No sound here: ${detail.reason} Trying again.`;
  else if (detail.state !== "connecting") deaf = "";
  if (detail.state !== "failed") return;
  listen(false);
  fail(detail.reason);
});

byId("listen").addEventListener("click", () => {
  listen(byId("listen").getAttribute("aria-pressed") !== "true");
});
byId("error-close").addEventListener("click", () => fail(""));
addEventListener("pagehide", () => {
  picture.stop();
  listener.stop();
  telemetry.close();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

byId("session").textContent = session;
byId("session-line").hidden = session === "live";
showAddresses();
telemetry.open();
setInterval(words, WORDS_EVERY_MS);
