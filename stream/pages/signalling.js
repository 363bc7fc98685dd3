// One WHIP or WHEP exchange over HTTP: an SDP offer out, an SDP answer and a resource address back.

import { authorization } from "./session.js";

const GATHER_MS = 500;
const ANSWER_MS = 10_000;

export class SignallingError extends Error {
  /** `status` is the HTTP status, or 0 when the service did not answer at all. */
  constructor(detail, status = 0, retryAfterMs = 0) {
    super(detail);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Offers `pc` to `url` and applies the answer.
 * `reshape` may rewrite the offer's SDP. Returns the resource to release later.
 * Throws SignallingError with a sentence for the user. An offer on its way cannot be called back: when `signal`
 * aborts meanwhile, this throws only once what the service gave for it is free again.
 */
export async function exchange(pc, url, { signal, reshape = (sdp) => sdp }) {
  const offer = await pc.createOffer();
  await pc.setLocalDescription({ type: "offer", sdp: reshape(offer.sdp) });
  await gathered(pc, signal);
  signal.throwIfAborted();
  const response = await post(url, withoutHiddenAddresses(pc.localDescription.sdp));
  const location = response.headers.get("Location");
  const resource = location ? new URL(location, response.url).href : null;
  try {
    signal.throwIfAborted();
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
    signal.throwIfAborted();
  } catch (error) {
    await release(resource);
    throw error;
  }
  return resource;
}

/** The STUN and TURN servers that `url` tells of: they have to be known before there is an offer. */
export async function iceServers(url, signal) {
  try {
    const response = await fetchInTime(url, { method: "OPTIONS", headers: authorization }, signal);
    return serversOf(response.headers.get("Link") ?? "");
  } catch {
    signal.throwIfAborted();
    return []; // The service does not answer: the POST will say so.
  }
}

// One Link header per server, which fetch joins with commas. Values are quoted; quotes in them are escaped.
function serversOf(links) {
  const servers = [];
  for (const [, urls, rest] of links.matchAll(/<([^>]+)>((?:\s*;\s*[\w-]+="(?:[^"\\]|\\.)*")*)/g)) {
    const pairs = [...rest.matchAll(/([\w-]+)="((?:[^"\\]|\\.)*)"/g)];
    const given = Object.fromEntries(pairs.map(([, name, value]) => [name, value.replace(/\\(.)/g, "$1")]));
    if (given.rel !== "ice-server") continue;
    const { username, credential } = given;
    servers.push(username ? { urls, username, credential } : { urls });
  }
  return servers;
}

/** Frees a resource on the server; resolves when it is free. Also works while the page is being closed. */
export async function release(resource) {
  if (!resource) return;
  await fetch(resource, { method: "DELETE", keepalive: true, headers: authorization }).catch(() => {
    // The server is gone, and the resource with it.
  });
}

async function post(url, sdp) {
  let response;
  try {
    const headers = { "Content-Type": "application/sdp", ...authorization };
    response = await fetchInTime(url, { method: "POST", headers, body: sdp });
  } catch {
    throw new SignallingError("The service does not answer. Check that narrascore serve is running.");
  }
  if (response.status !== 201) throw await refusal(response);
  return response;
}

// A request that is given up when the service does not answer, or when a `signal` is there and aborts.
async function fetchInTime(url, request, signal = null) {
  const limited = new AbortController();
  const end = () => limited.abort();
  const timer = setTimeout(end, ANSWER_MS);
  signal?.addEventListener("abort", end);
  try {
    return await fetch(url, { ...request, signal: limited.signal });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}

async function refusal(response) {
  let detail = "";
  try {
    const problem = await response.json();
    detail = problem.detail || problem.title || "";
  } catch {
    // Not problem+json: a proxy in between answered. The status has to do.
  }
  const words = detail || `The service refused the connection (HTTP ${response.status}).`;
  const seconds = Number(response.headers.get("Retry-After"));
  return new SignallingError(words, response.status, seconds > 0 ? seconds * 1000 : 0);
}

function gathered(pc, signal) {
  return new Promise((resolve) => {
    if (pc.iceGatheringState === "complete" || signal.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      pc.removeEventListener("icegatheringstatechange", look);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const look = () => pc.iceGatheringState === "complete" && done();
    const timer = setTimeout(done, GATHER_MS);
    pc.addEventListener("icegatheringstatechange", look);
    signal.addEventListener("abort", done);
  });
}

// Until a camera is allowed the browser hides its addresses behind random `.local` names. Resolving them
// costs the server a second and may fail; it learns the real address from our first check instead. An
// offer left with no candidate must not say that there will be none, or the server gives up at once.
function withoutHiddenAddresses(sdp) {
  const lines = sdp.split("\r\n").filter((line) => !/^a=candidate:.* [\w-]+\.local /.test(line));
  const any = lines.some((line) => line.startsWith("a=candidate:"));
  return lines.filter((line) => any || line !== "a=end-of-candidates").join("\r\n");
}
