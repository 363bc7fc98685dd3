"""Strategies that damage what was whole: most findings are one step away from something valid."""

from __future__ import annotations

from hypothesis import strategies as st

_WORDS = (
    "", "0", "-1", "65536", "99999999999999999999", "NaN", "\0", "a=", "m=", "é", "\u202e", " " * 300,
    "x" * 4096, "a=mid:0", "a=rtcp-mux", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96", "a=ssrc-group:FID",
    "a=candidate:", "a=candidate:1 1 udp 1 ::1 70000 typ host", "a=fmtp:96 apt=96", "a=group:BUNDLE",
    "c=IN IP6 ::", "a=extmap:0 x", "a=fingerprint:sha-256 zz", "a=setup:holdconn", "a=sctp-port:x",
    "a=rtcp-fb:*", "a=ice-ufrag:", "a=sendrecv",
)  # fmt: skip


@st.composite
def damaged_lines(draw: st.DrawFn, whole: str) -> str:
    """`whole` with some lines lost, doubled, moved, cut, or replaced in part."""
    lines = whole.splitlines()
    for _ in range(draw(st.integers(1, 6))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        word = draw(st.sampled_from(_WORDS) | st.text(max_size=12))
        place = draw(st.integers(0, max(len(lines[at]), 1)))
        match draw(st.integers(0, 6)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
            case 2:
                lines.insert(at, word)
            case 3:
                lines[at] = lines[at][:place]
            case 4:
                lines[at] = lines[at][:place] + word + lines[at][place:]
            case 5:
                parts = lines[at].split(" ")
                parts[draw(st.integers(0, len(parts) - 1))] = word
                lines[at] = " ".join(parts)
            case _:
                lines[at] = lines[at].replace(lines[at][place - 1 : place] or "a", word, 1)
    return draw(st.sampled_from(("\r\n", "\n", "\r"))).join(lines) + draw(st.sampled_from(("", "\r\n")))


@st.composite
def damaged_bytes(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole` with bits flipped, a piece lost, doubled or made up."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        size = draw(st.integers(1, 64))
        match draw(st.integers(0, 4)):
            case 0 if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del data[at:]
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case _:
                data[at:at] = draw(st.binary(max_size=64))
    return bytes(data)
