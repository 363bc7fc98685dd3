"""The way to a composer elsewhere: where it is, who may, what was said, and what it means when it breaks."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from composer.errors import AnchorError, ComposerError
from composer.remote.messages import (
    MAX_FRAME_BYTES,
    PROTOCOL,
    BadMessage,
    Error,
    Hello,
    Message,
    Notes,
    Playing,
    Primed,
    Restored,
    State,
    Told,
    Welcome,
    decode,
    encode,
)
from composer.score import SAMPLE_RATE_HZ

PATIENCE_S = 90.0
"""How long a composer that cannot be reached, or plays for somebody else, is tried again."""
OPEN_S = 5.0
ANSWER_S = 60.0
"""Beginning a piece may take long: a text is encoded, half a minute is rendered unheard."""
HEARTBEAT_S = 2.0
DEAF_S = 4.0
PINGS = 3
QUEUED_FRAMES = 256
"""More than a second of sound: what is on its way at most."""

T = TypeVar("T")


class RemoteError(ComposerError):
    """The composer elsewhere cannot be had or has failed; the message is a sentence for the user."""


class NotNow(RemoteError):
    """It may be had later."""


class RemoteAnchorError(AnchorError, ValueError):
    """The composer elsewhere cannot take this anchor; the message is a sentence for the user."""


@dataclass(frozen=True)
class Remote:
    """Where a composer is, `ws://HOST:PORT`. `ahead_samples` None: as the way there asks for (`credit`)."""

    url: str
    token: str = field(default="", repr=False)
    ahead_samples: int | None = None
    patience_s: float = PATIENCE_S

    @property
    def place(self) -> str:
        """host:port, for people."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def look(remote: Remote) -> Welcome:
    """Which composer is there: asked once, without patience. Raises RemoteError with a sentence."""
    line = Line(remote)
    line.close()
    return line.welcome


class Line:
    """One connection, greeted. Every method raises RemoteError, or NotNow where trying again may help."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._stack = ExitStack()
        self._connection = _connect(remote, self._stack)
        try:
            self.send(Hello(PROTOCOL))
            self.welcome = self.told(Welcome, self.receive(OPEN_S))
            if (self.welcome.rate_hz, self.welcome.channels) != (SAMPLE_RATE_HZ, 2):
                raise RemoteError(f"The composer at {remote.place} does not play 48 kHz in stereo.")
        except ComposerError:
            self.close()
            raise

    def send(self, message: Message | bytes) -> None:
        try:
            self._connection.send(message if isinstance(message, bytes) else encode(message))
        except ConnectionClosed as error:
            while True:  # it may have said why before it went; otherwise this ends with the loss
                try:
                    self.receive(OPEN_S)
                except NotNow as loss:
                    raise loss from error

    def receive(self, timeout_s: float) -> Told | bytes:
        """The next frame. An Error is raised as what it means: RemoteAnchorError, ComposerError (a state)."""
        try:
            frame = self._connection.recv(timeout_s)
        except TimeoutError as error:
            raise RemoteError(
                f"The composer at {self._remote.place} has not answered for {timeout_s:.0f} s."
            ) from error
        except ConnectionClosed as error:
            raise NotNow(
                f"The connection to the composer at {self._remote.place} was lost ({_reason(error)})."
            ) from error
        return frame if isinstance(frame, bytes) else self._understood(frame)

    def told(self, kind: type[T], said: Told | bytes) -> T:
        """`said`, which must be of this kind."""
        if not isinstance(said, kind):
            raise RemoteError(f"The composer at {self._remote.place} said {type(said).__name__} unasked.")
        return said

    def round_trip_s(self) -> float:
        """The middle one of some pings."""
        took: list[float] = []
        for _ in range(PINGS):
            began = time.monotonic()
            self._connection.ping().wait(OPEN_S)
            took.append(time.monotonic() - began)
        return sorted(took)[PINGS // 2]

    @property
    def last_round_trip_s(self) -> float:
        """As the heartbeat found it last."""
        return self._connection.latency

    def close(self) -> None:
        """Say goodbye. Idempotent."""
        self._stack.close()

    def _understood(self, frame: str) -> Told:
        place = self._remote.place
        try:
            said = decode(frame)
        except BadMessage as error:
            raise RemoteError(f"What answers at {place} is no composer of ours: {error}") from error
        match said:
            case Error("anchor", detail):
                raise RemoteAnchorError(detail)
            case Error("state", detail):
                raise ComposerError(detail)
            case Error("busy", detail):
                raise NotNow(f"{place}: {detail}")
            case Error(_, detail):
                raise RemoteError(f"{place}: {detail}")
            case Welcome() | Primed() | State() | Restored() | Playing() | Notes():
                return said
            case _:
                raise RemoteError(f"What answers at {place} asks instead of telling.")


def _connect(remote: Remote, stack: ExitStack) -> ClientConnection:
    """A connection that lasts as long as `stack`."""
    headers = {"Authorization": f"Bearer {remote.token}"} if remote.token else {}
    try:
        opening = connect(
            remote.url,
            additional_headers=headers,
            compression=None,
            proxy=None,
            user_agent_header=None,
            open_timeout=OPEN_S,
            max_size=MAX_FRAME_BYTES,
            max_queue=QUEUED_FRAMES,
            ping_interval=HEARTBEAT_S,
            ping_timeout=DEAF_S,
            close_timeout=1.0,
        )
        return stack.enter_context(opening)
    except InvalidURI as error:
        raise RemoteError(f"{remote.url} is not a composer's address: ws://HOST:PORT is.") from error
    except InvalidStatus as error:
        if error.response.status_code == 401:
            raise RemoteError(
                f"The composer at {remote.place} wants its token, and was given "
                f"{'another' if remote.token else 'none'}: see --composer-token."
            ) from error
        raise NotNow(f"At {remote.place} no composer is ready: HTTP {error.response.status_code}.") from error
    except (OSError, InvalidHandshake) as error:
        raise NotNow(f"The composer at {remote.place} cannot be reached ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
