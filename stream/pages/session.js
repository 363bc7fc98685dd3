// Which session this page is about, its addresses, and the token that opens them.

const KEY = "narrascore-token";

const asked = new URLSearchParams(location.search).get("session") ?? "";

export const session = /^[A-Za-z0-9_-]{1,64}$/.test(asked) ? asked : "live";

/**
 * The bearer token of this page, or "". It comes in the address's fragment, which browsers never send, and is
 * taken out of the address at once: streamers show their screens.
 */
export const token = takeToken();

export const address = {
  whip: new URL(`/whip/${session}`, location.href).href,
  whep: new URL(`/whep/${session}`, location.href).href,
  source: new URL(session === "live" ? "/source" : `/source?session=${session}`, location.href).href,
  audio: new URL(`/audio/${session}.ogg`, location.href).href,
  socket: new URL(`/ws/${session}`, location.href).href.replace(/^http/, "ws"),
};

/** What every WHIP and WHEP request carries. */
export const authorization = token ? { Authorization: `Bearer ${token}` } : {};

/** A browser sets no headers on a WebSocket: the token travels as a subprotocol. */
export const subprotocols = token ? ["narrascore", `bearer.${token}`] : ["narrascore"];

// A new token pasted over the old address changes the fragment only, which loads nothing by itself.
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) location.reload();
});

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  try {
    if (!given) return sessionStorage.getItem(KEY) ?? "";
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  } catch {
    // No storage for this page: the token stays in its address.
  }
  return given ?? "";
}
