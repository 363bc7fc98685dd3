"""Opus packets as an Ogg stream (RFC 3533, RFC 7845): the session's one encode, wrapped for HTTP players.

One packet of 20 ms makes one page, so that nothing waits for a page to fill. That costs 29 bytes a packet,
about 12 kb/s.
"""

from __future__ import annotations

import struct

from stream.ports import CHANNELS, SAMPLE_RATE_HZ
from stream.sound.playout import PLAYOUT_SAMPLES

PRE_SKIP_SAMPLES = 3840
"""80 ms that a decoder throws away: joining in the middle, its prediction has to settle (RFC 7845, 4.2)."""
_CONTINUES, _BEGINS, _ENDS = 0, 2, 4
_POLYNOMIAL = 0x04C11DB7
_SEGMENT_BYTES = 255


def _crc_of_byte(byte: int) -> int:
    crc = byte << 24
    for _ in range(8):
        crc = (crc << 1) ^ (_POLYNOMIAL if crc & 0x80000000 else 0)
    return crc & 0xFFFFFFFF


_CRC = tuple(_crc_of_byte(byte) for byte in range(256))


def _checksum(page: bytes | bytearray) -> int:
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return crc


class OggOpus:
    """One listener's stream. Pure: packets in, bytes out.

    Its clock counts the packets it was given, so packets that were dropped for a slow listener are a cut in
    the music and not a hole in the file.
    """

    def __init__(self, serial: int, title: str) -> None:
        """`serial` is any number that tells streams apart; `title` is shown by players."""
        self._serial = serial & 0xFFFFFFFF
        self._title = title
        self._pages = 0
        self._samples = 0

    def headers(self) -> bytes:
        """The two pages every stream begins with."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, CHANNELS, PRE_SKIP_SAMPLES, SAMPLE_RATE_HZ, 0, 0)
        vendor, title = b"NarraScore Live", f"TITLE={self._title}".encode()
        tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor
        tags += struct.pack("<II", 1, len(title)) + title
        return self._page(head, _BEGINS) + self._page(tags, _CONTINUES)

    def packet(self, payload: bytes) -> bytes:
        """One packet of 20 ms, as a page."""
        self._samples += PLAYOUT_SAMPLES
        return self._page(payload, _CONTINUES)

    def end(self) -> bytes:
        """The page that says the stream is over."""
        return self._page(None, _ENDS)

    def _page(self, payload: bytes | None, kind: int) -> bytes:
        body = payload or b""
        # A packet's last segment is shorter than the others, if need be empty.
        lacing = b""
        if payload is not None:
            lacing = bytes([_SEGMENT_BYTES] * (len(body) // _SEGMENT_BYTES) + [len(body) % _SEGMENT_BYTES])
        fields = (b"OggS", 0, kind, self._samples, self._serial, self._pages, 0, len(lacing))
        page = bytearray(struct.pack("<4sBBqIIIB", *fields))
        page += lacing + body
        page[22:26] = struct.pack("<I", _checksum(page))
        self._pages += 1
        return bytes(page)
