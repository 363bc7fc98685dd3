"""One WebRTC connection as a resource: an offer becomes an answer, and its end is told exactly once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpsender import RTCRtpSender

from stream.errors import Refused
from stream.ice_servers import IceServer
from stream.webrtc.backlog import EncodedFrames, bound
from stream.webrtc.certificate import meet_rsa
from stream.webrtc.consent import be_patient
from stream.webrtc.sdp import has_candidates, ice_ufrag
from stream.webrtc.trickle import candidates_of

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 6.0
"""OBS waits 8 s for an answer."""
CLOSE_TIMEOUT_S = 3.0


_STACK_ERRORS = (
    InvalidAccessError, InvalidStateError, ValueError, AssertionError, AttributeError, LookupError, TypeError,
)  # fmt: skip
"""What aiortc raises at offers it does not understand, the last three from deep inside."""


def token_digest(token: str) -> bytes:
    """What is kept of a bearer token: enough to know it again; empty for no token."""
    return hashlib.sha256(token.encode()).digest() if token else b""


class Peer:
    """One publisher or listener. Lives on the event loop."""

    def __init__(
        self,
        session: str,
        *,
        token: str = "",
        ice_servers: Sequence[IceServer] = (),
        connect_timeout_s: float,
        on_gone: Callable[[Peer], None],
    ) -> None:
        """`on_gone` is called once, when the connection failed, was closed by the other side, or did not
        come about in time; not after `close`."""
        self.id = secrets.token_urlsafe(12)
        self.etag = f'"{secrets.token_hex(6)}"'
        self.token = token_digest(token)
        self._session = session
        self._connect_timeout_s = connect_timeout_s
        self._on_gone = on_gone
        self._remote_ufrag = ""
        self._ending = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._backlogs: dict[str, EncodedFrames] = {}
        """By the kind of track."""
        # Never None: aiortc would ask a public STUN server for our address.
        servers = [server.for_aiortc for server in ice_servers]
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        meet_rsa(self._connection)
        self._connection.on("connectionstatechange", self._state_changed)

    @property
    def connected(self) -> bool:
        return self._connection.connectionState == "connected"

    @property
    def backlog(self) -> EncodedFrames | None:
        """The pictures that wait to be decoded; None when none are sent to us."""
        return self._backlogs.get("video")

    async def answer(
        self,
        offer: str,
        *,
        send: MediaStreamTrack | None = None,
        on_track: Callable[[MediaStreamTrack], None] | None = None,
    ) -> str:
        """The SDP answer to a checked `offer`, our candidates in it.

        `send` is the audio to send; `on_track` is told of each incoming track.

        Raises Refused: 400 or 422 when the stack cannot take the offer, 503 when it takes too long.
        """
        if on_track is not None:
            self._connection.on("track", on_track)
        if send is not None:
            transceiver = self._connection.addTransceiver(send, direction="sendonly")
            # The packets are Opus already: nothing else may be negotiated.
            codecs = RTCRtpSender.getCapabilities("audio").codecs
            transceiver.setCodecPreferences([c for c in codecs if c.mimeType == "audio/opus"])
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
                for receiver in self._connection.getReceivers():
                    if (backlog := bound(receiver)) is not None:
                        self._backlogs[receiver.track.kind] = backlog
                be_patient(self._connection)
                await self._connection.setLocalDescription()
        except OperationError as error:
            raise Refused(
                422, "No codec both sides know: send H.264 (baseline, packetization mode 1) or VP8."
            ) from error
        except TimeoutError as error:
            raise Refused(503, "The connection could not be set up in time: try again.", 2) from error
        except _STACK_ERRORS as error:
            # What the checks in `stream.webrtc.sdp` let through and the stack does not understand.
            raise Refused(400, "The SDP cannot be answered: send the offer as your stack made it.") from error
        self._remote_ufrag = ice_ufrag(offer)
        local: str = self._connection.localDescription.sdp
        if not has_candidates(local):
            raise Refused(503, "This machine has no network address: connect it to a network.", 30)
        self.spawn(self._expect_connection())
        return local

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` for as long as this peer lives."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("session %s: a task of peer %s failed", self._session, self.id, exc_info=error)

    async def trickle(self, fragment: str) -> None:
        """Add the other side's candidates. Raises Refused: 400 malformed, 422 an ICE restart."""
        for candidate in candidates_of(fragment, self._remote_ufrag):
            await self._connection.addIceCandidate(candidate)

    async def _expect_connection(self) -> None:
        await asyncio.sleep(self._connect_timeout_s)
        if not self.connected:
            log.info("session %s: peer %s did not connect in time", self._session, self.id)
            self._gone()

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self._gone()

    def _gone(self) -> None:
        if not self._ending:
            self._ending = True
            self._on_gone(self)

    async def close(self) -> None:
        """End the connection and everything spawned. Idempotent; never raises."""
        self._ending = True
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._connection.close()
        except TimeoutError:
            log.warning("session %s: peer %s did not close in time", self._session, self.id)
        except AttributeError:
            # aiortc left half of an offer applied, a transport missing: what has begun ends with its sockets.
            log.warning("session %s: peer %s could not be closed whole", self._session, self.id)
