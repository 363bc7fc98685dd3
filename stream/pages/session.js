// Which session this page is about, and its addresses.

const asked = new URLSearchParams(location.search).get("session") ?? "";

export const session = /^[A-Za-z0-9_-]{1,64}$/.test(asked) ? asked : "live";

export const address = {
  whip: new URL(`/whip/${session}`, location.href).href,
  whep: new URL(`/whep/${session}`, location.href).href,
  source: new URL(session === "live" ? "/source" : `/source?session=${session}`, location.href).href,
  socket: new URL(`/ws/${session}`, location.href).href.replace(/^http/, "ws"),
};
