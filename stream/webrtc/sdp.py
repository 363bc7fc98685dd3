"""An SDP offer, checked before anything is made from it: pure functions of text.

aiortc takes what it is given and fails later, inside tasks of its own; so whatever would make it fail is
refused here, in a sentence that says what to change.
"""

from __future__ import annotations

import re

from aiortc.sdp import MediaDescription, SessionDescription

from stream.errors import Refused

MAX_SDP_BYTES = 64 * 1024
MAX_MEDIA = 8
VIDEO_CODECS = ("VP8", "H264")
_OPUS = "opus"
# aiortc's parser has no error of its own: it raises whatever a malformed line led to.
_PARSER_ERRORS = (
    ValueError, AssertionError, AttributeError, KeyError, IndexError, TypeError, StopIteration,
)  # fmt: skip
_OTHER_CODECS = {"H265": "HEVC", "HEVC": "HEVC", "AV1": "AV1", "VP9": "VP9"}


def check_publish(offer: str) -> str:
    """The offer of a publisher, made ready for aiortc.

    Raises Refused: 400 malformed, 422 no video, no codec both sides know, simulcast.
    """
    media = _media_of(offer)
    videos = [m for m in media if m.kind == "video" and m.port != 0]
    if not videos:
        raise Refused(422, "The offer holds no video: send one video track.")
    if len(videos) > 1:
        raise Refused(422, "The offer holds more than one video track: send one.")
    (video,) = videos
    if video.direction not in (None, "sendonly", "sendrecv"):
        raise Refused(422, "The offer's video is not sent: its direction must be sendonly or sendrecv.")
    if re.search(r"^a=(simulcast|rid):", offer, re.MULTILINE) or any(
        g.semantic == "SIM" for m in videos for g in m.ssrc_group
    ):
        raise Refused(422, "Simulcast is not supported: switch it off (in OBS: Settings, Stream).")
    _require_codec(video, VIDEO_CODECS, _other_codec(video))
    for audio in (m for m in media if m.kind == "audio"):
        _require_codec(audio, (_OPUS, "PCMU", "PCMA", "G722"), "The audio in the offer must be Opus.")
    return _ready(offer, media)


def check_listen(offer: str) -> str:
    """The offer of a listener, made ready for aiortc.

    Raises Refused: 400 malformed, 422 no audio wanted or no Opus.
    """
    media = _media_of(offer)
    audios = [m for m in media if m.kind == "audio" and m.port != 0]
    if not audios:
        raise Refused(422, "The offer asks for no audio: add one audio track, receive only.")
    if len(audios) > 1:
        raise Refused(422, "The offer asks for audio more than once: one track is enough.")
    (audio,) = audios
    if audio.direction not in (None, "recvonly", "sendrecv"):
        raise Refused(422, "The offer's audio is not received: its direction must be recvonly or sendrecv.")
    _require_codec(audio, (_OPUS,), "The music is sent as Opus: offer the Opus codec.")
    for video in (m for m in media if m.kind == "video"):
        _require_codec(video, VIDEO_CODECS, "Offer audio only: there is no video to listen to.")
    return _ready(offer, media)


def ice_ufrag(description: str) -> str:
    """The first ICE user name in an SDP or trickle fragment, or an empty string."""
    match = re.search(r"^a=ice-ufrag:(\S+)", description, re.MULTILINE)
    return match.group(1) if match else ""


def stereo_answer(answer: str) -> str:
    """Our answer to a listener, saying that the Opus in it is stereo (RFC 7587, 7.1)."""
    match = re.search(r"^a=rtpmap:(\d+) opus/48000/2(?=\r?$)", answer, re.MULTILINE | re.IGNORECASE)
    if match is None:
        return answer
    line = f"a=fmtp:{match.group(1)} minptime=20;stereo=1;sprop-stereo=1"
    existing = re.compile(rf"^a=fmtp:{match.group(1)} [^\r\n]*", re.MULTILINE)
    if existing.search(answer):
        return existing.sub(line, answer)
    return answer[: match.end()] + "\r\n" + line + answer[match.end() :]


def resent_on_request(answer: str, offer: str) -> str:
    """Our answer to a listener, agreeing to send lost packets of the music again if its offer asks for that
    (RFC 4585, 4.2). aiortc does so whenever asked, but says it for pictures only."""
    match = re.search(r"^a=rtpmap:(\d+) opus/48000/2(?=\r?$)", answer, re.MULTILINE | re.IGNORECASE)
    if match is None:
        return answer
    line = f"a=rtcp-fb:{match.group(1)} nack"
    asked = re.search(rf"^a=rtcp-fb:(?:{match.group(1)}|\*) nack\r?$", offer, re.MULTILINE)
    if asked is None or line in answer:
        return answer
    return answer[: match.end()] + "\r\n" + line + answer[match.end() :]


def has_candidates(description: str) -> bool:
    return re.search(r"^a=candidate:", description, re.MULTILINE) is not None


def _media_of(offer: str) -> list[MediaDescription]:
    if not offer.startswith("v=0"):
        raise Refused(400, "The body is not SDP: it must start with v=0.")
    try:
        session = SessionDescription.parse(offer)
    except _PARSER_ERRORS as error:
        raise Refused(400, "The SDP cannot be parsed: send it as your WebRTC stack made it.") from error
    if not 1 <= len(session.media) <= MAX_MEDIA:
        raise Refused(400, f"The SDP must have between 1 and {MAX_MEDIA} media sections.")
    seen: set[str] = set()
    for media in session.media:
        if media.kind not in ("audio", "video", "application"):
            raise Refused(422, f"The SDP has a media section of a kind that is not known: {media.kind[:20]}.")
        if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
            raise Refused(400, "The SDP has no ICE user name and password (a=ice-ufrag, a=ice-pwd).")
        if media.dtls is None or not media.dtls.fingerprints:
            raise Refused(400, "The SDP has no DTLS fingerprint and setup role (a=fingerprint, a=setup).")
        if media.kind != "application" and not media.rtcp_mux:
            raise Refused(400, "The SDP must multiplex RTP and RTCP (a=rtcp-mux).")
        if media.rtp.muxId in seen:
            raise Refused(400, "The SDP's media sections need different names (a=mid).")
        seen.add(media.rtp.muxId)
    # aiortc would bundle the rest onto nothing.
    if any(item not in seen for group in session.group if group.semantic == "BUNDLE" for item in group.items):
        raise Refused(400, "The SDP bundles a media section that is not there (a=group:BUNDLE, a=mid).")
    return list(session.media)


def _require_codec(media: MediaDescription, names: tuple[str, ...], otherwise: str) -> None:
    known = {name.lower() for name in names}
    if not any(codec.name.lower() in known for codec in media.rtp.codecs):
        raise Refused(422, otherwise)


def _other_codec(video: MediaDescription) -> str:
    """What to change, naming what was offered as the streamer knows it."""
    offered = {_OTHER_CODECS.get(codec.name.upper()) for codec in video.rtp.codecs} - {None}
    what = f"The video is {' or '.join(sorted(str(name) for name in offered))}" if offered else "Video"
    return (
        f"{what}{', which' if offered else ' of this kind'} cannot be read here: choose H.264 as the video "
        "encoder (in OBS: Settings, Output)."
    )


def _ready(offer: str, media: list[MediaDescription]) -> str:
    """The offer without what would only slow aiortc down or end its patience.

    Names ending in .local take a second each to look up and are not needed: the peer's own checks tell us
    where it is. An end of candidates would make aiortc give up on an offer that holds none. It wants a
    track's name in each msid, which may be left out (RFC 8830, 2).
    """
    lines = [
        line
        for line in offer.splitlines()
        if not re.match(r"a=end-of-candidates|a=candidate:.*\.local[ \r]|a=msid:\S*\s*$", line + " ")
    ]
    if all(m.direction is not None for m in media):
        return "\r\n".join(lines) + "\r\n"
    # No direction means both (RFC 8866, 6.7); aiortc wants it said.
    said: list[str] = []
    remaining = iter(media)
    for line in lines:
        said.append(line)
        if line.startswith("m=") and next(remaining).direction is None:
            said.append("a=sendrecv")
    return "\r\n".join(said) + "\r\n"
