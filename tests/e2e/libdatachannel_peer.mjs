// A publisher built on libdatachannel, the WebRTC library inside OBS, that signals as OBS does: one POST of an
// offer without candidates, no trickle, a bearer token, DELETE at the end.
//
//   node libdatachannel_peer.mjs MODULES URL TOKEN FILE FPS
//
// MODULES is the folder that holds node_modules; FILE holds H.264 access units (Annex B), each after its length
// in four bytes; they are sent in a circle. Prints one JSON object a line. Ends when its standard input does.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, url, token, file, fps] = process.argv.slice(2);
const datachannel = createRequire(join(modules, "package.json"))("node-datachannel");

const CLOCK_HZ = 90_000;
const [AUDIO_PT, VIDEO_PT] = [111, 96];
const [AUDIO_SSRC, VIDEO_SSRC] = [1234, 1235];

const say = (message) => console.log(JSON.stringify(message));

function accessUnits(bytes) {
  const units = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    units.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return units;
}

const pc = new datachannel.PeerConnection("feed", { iceServers: [], disableAutoNegotiation: true });

const audio = new datachannel.Audio("0", "SendOnly");
audio.addOpusCodec(AUDIO_PT, "minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1");
audio.addSSRC(AUDIO_SSRC, "feed", "feed", "feed-audio");
pc.addTrack(audio);

const video = new datachannel.Video("1", "SendOnly");
video.addH264Codec(VIDEO_PT);
video.addSSRC(VIDEO_SSRC, "feed", "feed", "feed-video");
const track = pc.addTrack(video);
const rtp = new datachannel.RtpPacketizationConfig(VIDEO_SSRC, "feed", VIDEO_PT, CLOCK_HZ);
const packetizer = new datachannel.H264RtpPacketizer("StartSequence", rtp);
packetizer.addToChain(new datachannel.RtcpSrReporter(rtp));
packetizer.addToChain(new datachannel.RtcpNackResponder());
track.setMediaHandler(packetizer);

let resource = null;
let timer = 0;

pc.onStateChange((state) => say({ state }));
pc.onLocalDescription((sdp) => publish(sdp));
track.onOpen(() => {
  const units = accessUnits(readFileSync(file));
  const began = performance.now();
  let sent = 0;
  timer = setInterval(() => {
    const due = ((performance.now() - began) / 1000) * Number(fps);
    for (; sent <= due && track.isOpen(); sent += 1) {
      rtp.timestamp = Math.round((sent * CLOCK_HZ) / Number(fps)) >>> 0;
      track.sendMessageBinary(units[sent % units.length]);
    }
  }, 5);
});
pc.setLocalDescription("offer");

async function publish(sdp) {
  const headers = { "Content-Type": "application/sdp" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const reply = await fetch(url, { method: "POST", headers, body: sdp });
  const body = await reply.text();
  say({ offer: sdp, status: reply.status, answer: body });
  if (reply.status !== 201) {
    await leave();
    return;
  }
  resource = { url: new URL(reply.headers.get("Location"), reply.url), headers };
  pc.setRemoteDescription(body, "answer");
}

async function leave() {
  clearInterval(timer);
  if (resource) {
    const reply = await fetch(resource.url, { method: "DELETE", headers: resource.headers });
    say({ deleted: reply.status });
  }
  pc.close();
  datachannel.cleanup();
  process.exit(0);
}

process.stdin.resume();
process.stdin.on("end", leave);
