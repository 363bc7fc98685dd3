"""Who may do what: publish, listen and control are separate rights, opened by bearer tokens.

The seam for every route: call one of these first, with the request or the WebSocket before it is accepted::

    require_publish(request)    # send a picture: WHIP
    require_listen(request)     # hear the music: WHEP, audio over HTTP, PCM, recordings
    require_watch(request)      # read telemetry: with the right to listen or to control
    require_control(request)    # change anything: style, volume, recording on and off

Each returns nothing, or raises `Refused` (401 or 403) with a sentence for the user; over HTTP the exception
handlers answer it, a WebSocket is accepted and then closed with 1008 and `Refused.detail` as its reason (a
browser cannot read a refused handshake). Accept a WebSocket with `subprotocol=chosen_subprotocol(socket)`.

A right that no token opens is everybody's: so it is on loopback, unless tokens are given. A token comes as
`Authorization: Bearer`, as a WebSocket subprotocol `bearer.TOKEN` beside `narrascore` (browsers cannot set
headers there), or, for players that take nothing but an address, as `?token=` on a GET. `hide_token` takes it
out of the address before anything could log that.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
import secrets
import urllib.parse
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import Scope

from stream.errors import Refused

SUBPROTOCOL = "narrascore"
_BEARER_SUBPROTOCOL = "bearer."
_HIDDEN = "narrascore.token"
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,128}")


class Right(enum.Enum):
    PUBLISH = "publish"
    LISTEN = "listen"
    CONTROL = "control"


ALL_RIGHTS = frozenset(Right)


def make_token() -> str:
    """A new token: 144 random bits in 24 characters."""
    return secrets.token_urlsafe(18)


@dataclass(frozen=True)
class Access:
    """The tokens of a service; an empty text is no token. `full` opens everything, the others one right each.

    Tokens are kept out of `repr`, so that settings may be logged.
    Raises ValueError for a token that is too short or could not travel as a WebSocket subprotocol.
    """

    full: str = field(default="", repr=False)
    publish: str = field(default="", repr=False)
    listen: str = field(default="", repr=False)
    control: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for token in (self.full, self.publish, self.listen, self.control):
            if token and _TOKEN.fullmatch(token) is None:
                raise ValueError("A token has 16 to 128 characters from A-Z a-z 0-9 . _ ~ -.")

    @property
    def _grants(self) -> tuple[tuple[str, frozenset[Right]], ...]:
        return (
            (self.full, ALL_RIGHTS),
            (self.publish, frozenset({Right.PUBLISH})),
            (self.listen, frozenset({Right.LISTEN})),
            (self.control, frozenset({Right.CONTROL})),
        )

    @property
    def guarded(self) -> frozenset[Right]:
        """The rights that need a token."""
        return frozenset().union(*(rights for token, rights in self._grants if token))

    def token_for(self, right: Right) -> str:
        """The least powerful token that opens `right`; empty when it is open."""
        own: str = getattr(self, right.value)
        return own or self.full

    def rights(self, token: str) -> frozenset[Right]:
        """What the bearer of `token` may do. Takes as long for a right token as for a wrong one."""
        given = hashlib.sha256(token.encode()).digest()
        found = ALL_RIGHTS - self.guarded
        for own, rights in self._grants:
            same = hmac.compare_digest(hashlib.sha256(own.encode()).digest(), given)
            if same and own:
                found |= rights
        return found


OPEN = Access()
"""No tokens: everybody may do everything."""


def hide_token(scope: Scope) -> None:
    """Move a `?token=` from the address to a place that no log shows."""
    query = urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    tokens = [value for name, value in query if name == "token"]
    if tokens:
        rest = [(name, value) for name, value in query if name != "token"]
        scope["query_string"] = urllib.parse.urlencode(rest).encode("latin-1")
        scope[_HIDDEN] = tokens[0]


def token_of(connection: HTTPConnection) -> str:
    """The token a request or a WebSocket handshake carries, or an empty text."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for offered in _subprotocols(connection):
        if offered.startswith(_BEARER_SUBPROTOCOL):
            return offered.removeprefix(_BEARER_SUBPROTOCOL)
    # A page can make a browser POST to any address, but not set its headers.
    reads_only = connection.scope.get("method", "GET") in ("GET", "HEAD")
    hidden: str = connection.scope.get(_HIDDEN, "") if reads_only else ""
    return hidden


def chosen_subprotocol(connection: HTTPConnection) -> str | None:
    """What to accept a WebSocket with: browsers give up when none of those they offered is chosen."""
    return SUBPROTOCOL if SUBPROTOCOL in _subprotocols(connection) else None


def rights_of(connection: HTTPConnection) -> frozenset[Right]:
    """Everything this request or WebSocket may do."""
    return _access(connection).rights(token_of(connection))


def require_publish(connection: HTTPConnection) -> None:
    """Raises Refused: 401 without a token that is ours, 403 with one that does not open this."""
    _require(connection, {Right.PUBLISH}, "send a picture")


def require_listen(connection: HTTPConnection) -> None:
    """Raises Refused: 401 without a token that is ours, 403 with one that does not open this."""
    _require(connection, {Right.LISTEN}, "listen")


def require_watch(connection: HTTPConnection) -> None:
    """Raises Refused: 401 without a token that is ours, 403 with one that does not open this."""
    _require(connection, {Right.LISTEN, Right.CONTROL}, "watch this session")


def require_control(connection: HTTPConnection) -> None:
    """Raises Refused: 401 without a token that is ours, 403 with one that does not open this."""
    _require(connection, {Right.CONTROL}, "control the music")


def _require(connection: HTTPConnection, any_of: set[Right], act: str) -> None:
    access, token = _access(connection), token_of(connection)
    rights = access.rights(token)
    if rights & any_of:
        return
    if not token:
        raise Refused(401, f"A token is needed to {act}: use the address that narrascore serve printed.")
    if rights & access.guarded:
        raise Refused(403, f"This token does not allow to {act}: use the address printed for that.")
    raise Refused(401, "The token is not right: copy it again from what narrascore serve printed.")


def _access(connection: HTTPConnection) -> Access:
    access: Access = connection.app.state.access
    return access


def _subprotocols(connection: HTTPConnection) -> list[str]:
    offered: list[str] = connection.scope.get("subprotocols", [])
    return offered
