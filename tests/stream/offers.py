"""SDP offers for tests: from aiortc itself, and one shaped like OBS's."""

from __future__ import annotations

import asyncio
import functools

from aiortc import RTCConfiguration, RTCPeerConnection


async def _offer(kinds: tuple[tuple[str, str], ...]) -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind, direction in kinds:
        connection.addTransceiver(kind, direction=direction)
    await connection.setLocalDescription()
    sdp: str = connection.localDescription.sdp
    await connection.close()
    return sdp


@functools.cache
def publish_offer() -> str:
    return asyncio.run(_offer((("video", "sendonly"), ("audio", "sendonly"))))


@functools.cache
def listen_offer() -> str:
    return asyncio.run(_offer((("audio", "recvonly"),)))


FINGERPRINT = ":".join(["AB"] * 32)

OBS_OFFER = "\r\n".join(
    [
        "v=0",
        "o=rtc 3767197920 0 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=group:LS 0 1",
        "a=msid-semantic:WMS *",
        "a=setup:actpass",
        "a=ice-ufrag:kqgT",
        "a=ice-pwd:OqoU2WLRYnrcwuJQ2pk1Fh",
        "a=ice-options:ice2,trickle",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sendonly",
        "a=ssrc:1234 cname:feed",
        "a=ssrc:1234 msid:feed feed-audio",
        "a=msid:feed feed-audio",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=sendonly",
        "a=ssrc:1235 cname:feed",
        "a=ssrc:1235 msid:feed feed-video",
        "a=msid:feed feed-video",
        "a=rtcp-mux",
        "a=rtpmap:96 H264/90000",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 goog-remb",
        "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
        "",
    ]
)
