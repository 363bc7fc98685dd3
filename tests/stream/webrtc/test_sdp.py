from __future__ import annotations

import random
import re

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import Refused
from stream.webrtc import sdp
from tests.stream.offers import OBS_OFFER, listen_offer, publish_offer


def refusal(check: object, offer: str) -> Refused:
    with pytest.raises(Refused) as caught:
        check(offer)  # type: ignore[operator]
    return caught.value


def test_good_offers_pass() -> None:
    for offer in (publish_offer(), OBS_OFFER):
        ready = sdp.check_publish(offer)
        assert len(SessionDescription.parse(ready).media) == 2
    assert SessionDescription.parse(sdp.check_listen(listen_offer())).media[0].kind == "audio"


@pytest.mark.parametrize("offer", ["", "hello", "v=0", "v=0\r\nm=video", '{"sdp": "v=0"}', "v=0\r\n" * 2000])
def test_what_is_no_sdp_is_400(offer: str) -> None:
    assert refusal(sdp.check_publish, offer).status == 400
    assert refusal(sdp.check_listen, offer).status == 400


@pytest.mark.parametrize(
    ("find", "put", "status"),
    [
        ("a=ice-ufrag:kqgT", "a=x:y", 400),
        ("a=ice-pwd:OqoU2WLRYnrcwuJQ2pk1Fh", "a=x:y", 400),
        ("a=fingerprint:sha-256", "a=finger:sha-256", 400),
        ("a=setup:actpass", "a=x:y", 400),
        ("a=rtcp-mux", "a=x:y", 400),
        ("a=mid:1", "a=mid:0", 400),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 H264/much", 400),
        ("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video 9 UDP/TLS/RTP/SAVPF 72", 400),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 H265/90000", 422),
        ("a=rtpmap:96 H264/90000", "a=rtpmap:96 AV1/90000", 422),
        ("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 mp4a/48000/2", 422),
        ("a=mid:1\r\na=sendonly", "a=mid:1\r\na=recvonly", 422),
        ("a=mid:1\r\na=sendonly", "a=mid:1\r\na=inactive", 422),
        ("a=mid:1", "a=mid:1\r\na=rid:hi send\r\na=rid:lo send\r\na=simulcast:send hi;lo", 422),
        ("a=ssrc:1235 cname:feed", "a=ssrc-group:SIM 1235 1236\r\na=ssrc:1235 cname:feed", 422),
        ("m=video", "m=audio", 422),
        ("m=video 9", "m=video 0", 422),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=text 9 UDP/TLS/RTP/SAVPF 111", 422),
    ],
)
def test_an_offer_we_cannot_take_is_refused_with_a_sentence(find: str, put: str, status: int) -> None:
    assert find in OBS_OFFER
    refused = refusal(sdp.check_publish, OBS_OFFER.replace(find, put))
    assert refused.status == status
    assert refused.detail.endswith(".") and len(refused.detail) > 20


def test_a_listener_must_want_opus() -> None:
    assert refusal(sdp.check_listen, publish_offer()).status == 422
    assert refusal(sdp.check_listen, listen_offer().replace("opus", "flac")).status == 422
    assert refusal(sdp.check_listen, listen_offer().replace("a=recvonly", "a=sendonly")).status == 422


def test_what_would_slow_us_down_is_taken_out() -> None:
    slow = OBS_OFFER.replace(
        "a=mid:1",
        "a=mid:1\r\na=candidate:1 1 UDP 2113937151 4f6f-ab.local 50000 typ host\r\n"
        "a=candidate:2 1 UDP 2113937151 192.0.2.9 50001 typ host\r\na=end-of-candidates",
    )
    ready = sdp.check_publish(slow)
    assert ".local" not in ready and "end-of-candidates" not in ready
    assert "192.0.2.9" in ready and sdp.has_candidates(ready)


def test_no_direction_means_both() -> None:
    ready = sdp.check_publish(OBS_OFFER.replace("a=mid:1\r\na=sendonly\r\n", "a=mid:1\r\n"))
    assert [m.direction for m in SessionDescription.parse(ready).media] == ["sendonly", "sendrecv"]


@pytest.mark.parametrize(("asked", "agreed"), [("111", True), ("*", True), ("96", False), ("", False)])
def test_lost_sound_is_sent_again_for_who_asks(asked: str, agreed: bool) -> None:
    answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=setup:active\r\n"
    offer = answer + (f"a=rtcp-fb:{asked} nack\r\n" if asked else "a=rtcp-fb:111 nack pli\r\n")
    said = sdp.resent_on_request(answer, offer)
    assert ("a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\na=setup" in said) == agreed
    assert sdp.resent_on_request(said, offer) == said
    assert sdp.resent_on_request("v=0\r\n", offer) == "v=0\r\n"


def test_the_answer_says_stereo_once() -> None:
    plain = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=setup:active\r\n"
    said = sdp.stereo_answer(plain)
    assert "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=20;stereo=1;sprop-stereo=1\r\na=setup" in said
    assert sdp.stereo_answer(said) == said
    assert sdp.stereo_answer("v=0\r\n") == "v=0\r\n"


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_damaged_offers_are_refused_or_parse(seed: int, cuts: int) -> None:
    """Lines dropped, doubled, swapped and bytes changed: Refused is all that may be raised."""
    rng = random.Random(seed)
    lines = rng.choice([OBS_OFFER, publish_offer(), listen_offer()]).splitlines()
    for _ in range(cuts):
        at = rng.randrange(len(lines))
        match rng.randrange(4):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, rng.choice(lines))
            case 2:
                lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
            case _:
                place = rng.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:place] + chr(rng.randrange(1, 0x2FF)) + lines[at][place + 1 :]
        if not lines:
            lines = ["v=0"]
    for check in (sdp.check_publish, sdp.check_listen):
        try:
            ready = check("\r\n".join(lines) + "\r\n")
        except Refused:
            pass
        else:
            assert re.search("^m=", ready, re.MULTILINE)


@given(st.text(max_size=300))
def test_any_text_is_refused_cleanly(text: str) -> None:
    for check in (sdp.check_publish, sdp.check_listen):
        with pytest.raises(Refused):
            check("v=0\r\n" + text)


def test_a_bundle_of_what_is_not_there_is_refused() -> None:
    """Found by tests/fuzz: aiortc took it half, and could not be closed afterwards."""
    for offer in (OBS_OFFER.replace("a=mid:0\r\n", ""), OBS_OFFER.replace("BUNDLE 0 1", "BUNDLE 0 1 2")):
        with pytest.raises(Refused, match="bundles") as caught:
            sdp.check_publish(offer)
        assert caught.value.status == 400


def test_an_msid_without_a_track_is_passed_over() -> None:
    """Found by tests/fuzz: it is allowed, and aiortc raised IndexError."""
    offer = sdp.check_publish(OBS_OFFER.replace("a=msid:feed feed-audio", "a=msid:feed"))
    assert "a=msid:feed feed-video" in offer and "a=msid:feed\r" not in offer
