"""STUN and TURN servers as a user names them, as aiortc takes them, and as WHIP and WHEP announce them."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, field

from aiortc import RTCIceServer

_HOST = r"[A-Za-z0-9.-]+(?::\d{1,5})?"
# No addresses in IPv6 and no stuns: the stack knows neither.
_ADDRESS = re.compile(rf"stun:{_HOST}|turns?:{_HOST}(?:\?transport=(?:udp|tcp))?")
_FORM = "stun:HOST[:PORT] or turn:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]"


@dataclass(frozen=True)
class IceServer:
    """One server. `url` is as in RFC 7064 and 7065; the password is kept out of `repr`."""

    url: str
    username: str = ""
    credential: str = field(default="", repr=False)

    @property
    def link(self) -> str:
        """The value of a `Link` header (RFC 9725, 4.6)."""
        parts = [f"<{self.url}>", 'rel="ice-server"']
        if self.username:
            parts.append(f"username={_quoted(self.username)}")
            parts.append(f"credential={_quoted(self.credential)}")
            parts.append('credential-type="password"')
        return "; ".join(parts)

    @property
    def for_aiortc(self) -> RTCIceServer:
        if self.username:
            return RTCIceServer(urls=self.url, username=self.username, credential=self.credential)
        return RTCIceServer(urls=self.url)


def read_ice_server(text: str) -> IceServer:
    """A server from what a user wrote; user and password may be percent-encoded.

    Raises ValueError with a sentence. It does not repeat the text, which may hold a password.
    """
    scheme, _, rest = text.strip().partition(":")
    login, at, address = rest.rpartition("@")
    url = f"{scheme.lower()}:{address}"
    if _ADDRESS.fullmatch(url) is None:
        raise ValueError(f"An ICE server is written {_FORM}.")
    turn = scheme.lower() in ("turn", "turns")
    user, colon, password = login.partition(":")
    if turn and not (user and colon and password):
        raise ValueError(f"A TURN server needs a user and a password: {_FORM}.")
    if not turn and at:
        raise ValueError(f"A STUN server takes no user and no password: {_FORM}.")
    return IceServer(url, urllib.parse.unquote(user), urllib.parse.unquote(password))


def _quoted(text: str) -> str:
    r"""A quoted-string (RFC 9110, 5.6.4): backslash and quote escaped, what no header may hold left out."""
    printable = "".join(c for c in text if c == "\t" or " " <= c < "\x7f")
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'
