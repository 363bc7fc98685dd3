// How the session is doing, in a few numbers and words.

const RATE_OVER_S = 5;
const TROUBLE_OVER_S = 30;
const ENOUGH_READINGS_HZ = 4;
const ENOUGH_OF_OBS_HZ = 0.8; // screenshots: four a second at most, one when OBS is busy
// OBS's own choice is a key frame every 4 to 10 s. A browser sends one when it is asked to, now and then.
const LONG_GOP_S = [2.5, 15];

// What the short words mean, for whoever rests on them.
const HINTS = {
  Picture: "The size of the picture that is read",
  Readings: "How often the mood is read from the picture",
  "Reading age": "How old the newest reading is",
  "Key frames": "The time between two whole pictures in the video that is sent",
  Buffer: "How far the composer is ahead of what sounds, and how far it may be: more where it has been late",
  "To your ear": "From the composer to this page; turn Listen here on to measure it",
  Underruns: "How often the music ran dry since it began",
  Listeners: "Who hears the session now, OBS and this page among them",
};

const VIDEO = { none: "none yet", live: "live", gone: "gone" };

export class Health {
  #list;
  #rows = new Map();
  #advice;
  #counts = []; // {t, readings, underruns}, over the last TROUBLE_OVER_S

  /** `list` is the <dl> to fill, `advice` the paragraph that sums it up. */
  constructor(list, advice) {
    this.#list = list;
    this.#advice = advice;
  }

  /** Takes one telemetry message: cheap, ten times a second. */
  add({ t_s, video, audio }) {
    if (this.#counts.length && t_s < this.#counts.at(-1).t) this.#counts = []; // the session began anew
    this.#counts.push({ t: t_s, readings: video.readings, underruns: audio.underruns });
    while (this.#counts[0].t < t_s - TROUBLE_OVER_S) this.#counts.shift();
  }

  /** Brings the words up to date. `networkMs` is the network's part of the delay, or null: nobody listens here. */
  say(message, networkMs) {
    const { video, audio, composer, reading, t_s } = message;
    const live = video.state === "live";
    const size = `${video.width} × ${video.height}`;
    this.#row("Picture", live ? size : VIDEO[video.state], live ? "good" : "idle");
    const rate = this.#rate();
    const dry = audio.underruns - (this.#counts[0]?.underruns ?? audio.underruns);
    const enough = rate >= enoughHz(message.obs);
    this.#row("Readings", live ? `${rate.toFixed(1)} / s` : "–", !live ? "idle" : enough ? "good" : "fair");
    this.#row("Reading age", live && reading ? `${Math.round((t_s - reading.t_s) * 1000)} ms` : "–");
    if (video.key_frame_s) this.#row("Key frames", `${video.key_frame_s.toFixed(1)} s`, longGop(video) ? "fair" : "");
    this.#row("Music", audio.state, audio.state === "playing" ? "good" : "fair");
    this.#row("Composer", composerWords(composer), composer.state === "playing" ? "good" : "fair");
    this.#row("Buffer", `${Math.round(audio.buffer_ms)} of ${Math.round(audio.ahead_ms)} ms`);
    this.#row("To your ear", networkMs === null ? "–" : `${Math.round(networkMs + audio.buffer_ms)} ms`);
    this.#row("Underruns", String(audio.underruns), dry === 0 ? "good" : "fair");
    if (message.obs.state !== "off") {
      const found = message.obs.state === "connected";
      this.#row("OBS", found ? message.obs.scene || "connected" : "not there yet", found ? "good" : "fair");
    }
    this.#row("Listeners", String(audio.listeners));
    const advice = this.#sum(message, rate, dry);
    if (this.#advice.textContent !== advice) this.#advice.textContent = advice;
  }

  #sum(message, rate, dry) {
    const { video, composer, obs, t_s } = message;
    if (waiting(message)) return "Nothing plays yet: press Start or Listen here, or open the music in OBS.";
    if (composer.state === "failed") return "The music has stopped: set a style to start it again.";
    if (composer.state === "restarting") return "The composer is starting again and goes on where it was.";
    if (dry > 0) {
      const times = dry === 1 ? "once" : `${dry} times`;
      return `The music ran dry ${times} in the last ${TROUBLE_OVER_S} s: this machine is too busy. Close something heavy.`;
    }
    if (video.state === "none") return "No picture yet: the music plays from a neutral mood.";
    if (video.state === "gone") return "The picture has stopped: the mood drifts to neutral.";
    const settled = t_s - this.#counts[0].t > RATE_OVER_S;
    if (settled && rate < enoughHz(obs)) {
      return "The picture is read too seldom, so the mood follows late. Close something heavy.";
    }
    if (longGop(video)) {
      return "Key frames come seldom: after a lost packet the mood waits for the next. If OBS sends the picture, set its keyframe interval to 1 s.";
    }
    return "All is well.";
  }

  #rate() {
    const last = this.#counts.at(-1);
    const first = this.#counts.find(({ t }) => t >= last.t - RATE_OVER_S);
    return last && last.t > first.t ? (last.readings - first.readings) / (last.t - first.t) : 0;
  }

  #row(name, text, mark = "") {
    let value = this.#rows.get(name);
    if (!value) {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      value = document.createElement("dd");
      term.textContent = name;
      if (HINTS[name]) term.title = HINTS[name];
      row.append(term, value);
      this.#list.append(row);
      this.#rows.set(name, value);
    }
    if (value.textContent !== text) value.textContent = text;
    value.dataset.mark = mark;
  }
}

function enoughHz(obs) {
  return obs.state === "connected" ? ENOUGH_OF_OBS_HZ : ENOUGH_READINGS_HZ;
}

function longGop({ state, key_frame_s }) {
  return state === "live" && key_frame_s > LONG_GOP_S[0] && key_frame_s < LONG_GOP_S[1];
}

function composerWords({ state, restarts }) {
  if (restarts === 0) return state;
  return `${state}, ${restarts === 1 ? "1 restart" : `${restarts} restarts`}`;
}

/** Whether the music has yet to begin: it does with the first picture or listener. */
function waiting({ composer, video, audio }) {
  return composer.state === "starting" && video.state === "none" && audio.listeners === 0;
}

/** What is playing: "neoclassical · A minor · 84 bpm". */
export function playingWords(message) {
  if (waiting(message)) return "Plays as soon as you start or listen";
  const { state, style, key, tempo_bpm } = message.composer;
  if (state === "failed") return "The music has stopped";
  if (state === "starting") return "The composer is warming up";
  const parts = [style, key, tempo_bpm ? `${Math.round(tempo_bpm)} bpm` : ""];
  return parts.filter(Boolean).join(" · ") || "Music";
}
