"""A peer that is GStreamer's webrtcbin: it publishes a picture that goes dark and bright, or listens.

    python gstreamer_peer.py publish URL CODEC TURN_S
    python gstreamer_peer.py listen URL FILE

CODEC is H264 or VP8. FILE gets what was heard: 48 kHz stereo int16, raw. A process of its own, run by
whichever Python has GStreamer's bindings; it needs nothing else. Prints one JSON object a line. Ends when its
standard input does.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import urllib.parse
from typing import Any

import gi

for library, version in (("Gst", "1.0"), ("GstSdp", "1.0"), ("GstWebRTC", "1.0")):
    gi.require_version(library, version)
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

FPS = 20
DARK, BRIGHT = 0xFF141414, 0xFFEBEBEB  # as ARGB
ENCODERS = {
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=20 bframes=0 "
    "! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
    "VP8": "vp8enc deadline=1 keyframe-max-dist=20 ! rtpvp8pay",
}
PUBLISH = (
    "webrtcbin name=peer bundle-policy=max-bundle "
    "videotestsrc name=picture is-live=true pattern=solid-color foreground-color={dark} "
    "! video/x-raw,format=I420,width=320,height=180,framerate={fps}/1 ! {encoder} "
    "! application/x-rtp,media=video,encoding-name={codec},payload=96 ! peer."
)
OPUS = (
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"
)
HEARD = (
    "rtpopusdepay ! opusdec ! audioconvert ! audioresample "
    "! audio/x-raw,format=S16LE,rate=48000,channels=2 ! filesink buffer-mode=unbuffered location={file}"
)


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


class Peer:
    """One webrtcbin from its offer to the DELETE. Its callbacks come on GStreamer's threads."""

    def __init__(self, pipeline: Any, url: str) -> None:
        self.pipeline = pipeline
        self.bin = pipeline.get_by_name("peer")
        self.url = url
        self.asked = False
        self.resource = ""
        self.bin.connect("on-negotiation-needed", self._offer)
        self.bin.connect("notify::ice-gathering-state", self._gathered)
        self.bin.connect("notify::connection-state", self._state)

    def _offer(self, peer: Any) -> None:
        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self._offered, None))

    def _offered(self, promise: Any, _data: object) -> None:
        reply = promise.get_reply()  # owns the offer: it has to live as long
        self.bin.emit("set-local-description", reply.get_value("offer"), None)

    def _gathered(self, peer: Any, _property: object) -> None:
        if peer.props.ice_gathering_state == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self.asked:
            self.asked = True
            description = peer.props.local_description  # owns its SDP
            threading.Thread(target=self._signal, args=(description.sdp.as_text(),)).start()

    def _signal(self, offer: str) -> None:
        status, location, answer = send("POST", self.url, offer)
        say(offer=offer, status=status, answer=answer)
        if status != 201:
            return
        self.resource = urllib.parse.urljoin(self.url, location)
        _, parsed = GstSdp.SDPMessage.new_from_text(answer)
        described = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, parsed)
        self.bin.emit("set-remote-description", described, None)

    def _state(self, peer: Any, _property: object) -> None:
        say(state=peer.props.connection_state.value_nick)

    def leave(self) -> None:
        if self.resource:
            say(deleted=send("DELETE", self.resource)[0])
        self.pipeline.set_state(Gst.State.NULL)


def send(method: str, url: str, body: str = "") -> tuple[int, str, str]:
    """Status, Location and body of the answer."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    connection.request(method, parts.path, body.encode(), {"Content-Type": "application/sdp"} if body else {})
    reply = connection.getresponse()
    return reply.status, reply.getheader("Location", ""), reply.read().decode()


def publisher(url: str, codec: str, turn_s: float) -> Peer:
    encoder = ENCODERS[codec]
    pipeline = Gst.parse_launch(PUBLISH.format(dark=DARK, fps=FPS, encoder=encoder, codec=codec))
    peer, picture = Peer(pipeline, url), pipeline.get_by_name("picture")
    transceiver = peer.bin.emit("get-transceiver", 0)
    transceiver.props.direction = GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY

    def turn() -> bool:
        picture.props.foreground_color = DARK + BRIGHT - picture.props.foreground_color
        return True

    GLib.timeout_add(round(turn_s * 1000), turn)
    return peer


def listener(url: str, file: str) -> Peer:
    pipeline = Gst.Pipeline.new(None)
    pipeline.add(Gst.parse_launch("webrtcbin name=peer bundle-policy=max-bundle"))
    peer = Peer(pipeline, url)
    recvonly = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
    peer.bin.emit("add-transceiver", recvonly, Gst.Caps.from_string(OPUS))

    def hear(_peer: object, pad: Any) -> None:
        sink = Gst.parse_bin_from_description(HEARD.format(file=file), True)
        pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    peer.bin.connect("pad-added", hear)
    return peer


def main() -> None:
    Gst.init(None)
    what, url, *rest = sys.argv[1:]
    peer = publisher(url, rest[0], float(rest[1])) if what == "publish" else listener(url, rest[0])
    loop = GLib.MainLoop()

    def fail(_bus: object, message: Any) -> None:
        say(failed=str(message.parse_error()))
        loop.quit()

    def wait() -> None:
        sys.stdin.read()
        loop.quit()

    bus = peer.pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", fail)
    threading.Thread(target=wait, daemon=True).start()
    peer.pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    peer.leave()


if __name__ == "__main__":
    main()
