"""Who is connected to a session: at most one publisher, and listeners up to a limit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator

from aiortc.mediastreams import MediaStreamTrack
from av import AudioFrame

from stream.errors import HungUp, Refused
from stream.latest_frame import LatestFrame
from stream.settings import Settings
from stream.sound.egress import Egress
from stream.webrtc.backlog import EncodedFrames
from stream.webrtc.ingest import Patience, drain_audio, drain_video, level_of, video_state
from stream.webrtc.listener_track import ListenerTrack
from stream.webrtc.peer import Peer, token_digest
from stream.webrtc.sdp import resent_on_request, stereo_answer

log = logging.getLogger(__name__)


class SessionPeers:
    """Lives on the event loop. After `close` every offer is refused."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        slot: LatestFrame,
        *,
        time_s: Callable[[], float],
        play: Callable[[], Egress],
        changed: Callable[[], None],
        spawn: Callable[[Coroutine[None, None, None]], None],
        silence: bytes,
        hear_voice: Callable[[float], None],
    ) -> None:
        """`time_s` is session time; `play` starts the music if need be; `changed` is called when a peer came
        or went; `spawn` runs a task of the session's; `hear_voice` is told the level of a publisher's sound
        in dB."""
        self._name = name
        self._settings = settings
        self._slot = slot
        self._time_s = time_s
        self._play = play
        self._changed = changed
        self._spawn = spawn
        self._silence = silence
        self._hear_voice = hear_voice
        self._publisher: Peer | None = None
        self._publisher_lost = False
        self._publisher_since_s = 0.0
        self._publishing = asyncio.Lock()
        self._own_pictures = 0
        self._listeners: dict[str, tuple[Peer, ListenerTrack]] = {}
        self._closed = False

    def __len__(self) -> int:
        return self.listeners + (self._publisher is not None)

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def publisher(self, peer_id: str) -> Peer | None:
        """The publisher, if that is its id."""
        peer = self._publisher
        return peer if peer is not None and peer.id == peer_id else None

    def listener(self, peer_id: str) -> Peer | None:
        entry = self._listeners.get(peer_id)
        return entry[0] if entry is not None else None

    @property
    def published(self) -> bool:
        """Whether there is a publisher."""
        return self._publisher is not None

    @property
    def backlog(self) -> EncodedFrames | None:
        """The publisher's pictures that wait to be decoded."""
        return self._publisher.backlog if self._publisher is not None else None

    @contextlib.contextmanager
    def own_picture(self) -> Iterator[None]:
        """While the block runs, frames are expected though nobody publishes."""
        self._own_pictures += 1
        self._publisher_since_s = self._time_s()
        try:
            yield
        finally:
            self._own_pictures -= 1

    @property
    def video_state(self) -> str:
        """none, live or gone. What we leave out was sent all the same; what cannot be decoded was not."""
        now_s, last_s = self._time_s(), self._slot.last_t_s
        silent_s = None if last_s is None else now_s - last_s
        if silent_s is not None and self.backlog is not None:
            silent_s = min(silent_s, self.backlog.passed_over_for_s)
        return video_state(
            self._publisher is not None or self._own_pictures > 0,
            self._publisher_lost,
            silent_s,
            now_s - self._publisher_since_s,
            Patience(self._settings.connect_timeout_s, self._settings.video_gone_s),
        )

    async def add_publisher(
        self, offer: str, token: str, hung_up: Callable[[], Awaitable[bool]]
    ) -> tuple[Peer, str]:
        """Answer a publisher's checked offer. `hung_up` says whether the answer will reach nobody.

        Raises Refused; HungUp when that would cost another publisher its place, which keeps it.
        """
        async with self._publishing:
            self._refuse_if_closed()
            rival = self._publisher
            if rival is not None and not self._may_replace(rival, token):
                raise Refused(
                    409,
                    "This session already has a publisher: stop it, or choose another session name.",
                )
            peer = Peer(
                self._name,
                token=token,
                ice_servers=self._settings.ice_servers,
                connect_timeout_s=self._settings.connect_timeout_s,
                on_gone=self._publisher_gone,
            )

            def on_track(track: MediaStreamTrack) -> None:
                if track.kind == "video":
                    peer.spawn(drain_video(track, self._slot, self._time_s))
                else:
                    peer.spawn(drain_audio(track, self._hear))

            try:
                answer = await peer.answer(offer, on_track=on_track)
                self._refuse_if_closed()
                if rival is not None and await hung_up():
                    raise HungUp("The publisher has hung up before it was answered.")
            except BaseException:
                await peer.close()
                raise
            if rival is not None:
                log.info("session %s: publisher %s takes over from %s", self._name, peer.id, rival.id)
                await rival.close()
            self._slot.clear()
            self._publisher, self._publisher_lost = peer, False
            self._publisher_since_s = self._time_s()
            self._changed()
            self._play()
            log.info("session %s: publisher %s", self._name, peer.id)
            return peer, answer

    def _hear(self, frame: AudioFrame) -> None:
        """Only how loud it is, and only for ducking: 50 times a second, some microseconds each."""
        self._hear_voice(level_of(frame))

    def _may_replace(self, rival: Peer, token: str) -> bool:
        same_token = bool(token) and rival.token == token_digest(token)
        return same_token or self.video_state == "gone"

    async def add_listener(self, offer: str) -> tuple[Peer, str]:
        """Answer a listener's checked offer. Raises Refused."""
        self._refuse_if_closed()
        if len(self._listeners) >= self._settings.max_listeners:
            raise Refused(503, "This session has as many listeners as it can carry: try again later.", 10)
        egress = self._play()
        track = ListenerTrack(self._silence, egress.pts)
        peer = Peer(
            self._name,
            ice_servers=self._settings.ice_servers,
            connect_timeout_s=self._settings.connect_timeout_s,
            on_gone=self._listener_gone,
        )
        # Counted before the answer is awaited, so that the limit holds for offers that come together.
        self._listeners[peer.id] = (peer, track)
        try:
            answer = resent_on_request(stereo_answer(await peer.answer(offer, send=track)), offer)
            self._refuse_if_closed()
        except BaseException:
            self._listeners.pop(peer.id, None)
            await peer.close()
            raise
        egress.add_listener(track)
        self._changed()
        log.info("session %s: listener %s", self._name, peer.id)
        return peer, answer

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Refused(503, "This session is ending: try again.", 2)

    def _publisher_gone(self, peer: Peer) -> None:
        log.info("session %s: publisher %s is gone", self._name, peer.id)
        self._spawn(self.remove(peer, lost=True))

    def _listener_gone(self, peer: Peer) -> None:
        self._spawn(self.remove(peer))

    async def remove(self, peer: Peer, lost: bool = False) -> None:
        """Close a peer and forget it; `lost` if it vanished without a word. Idempotent."""
        if self._publisher is peer:
            self._publisher, self._publisher_lost = None, lost
            self._publisher_since_s = self._time_s()
            self._slot.clear()
        entry = self._listeners.pop(peer.id, None)
        if entry is not None:
            self._play().remove_listener(entry[1])
        self._changed()
        await peer.close()

    async def close(self) -> None:
        """Close everybody. Idempotent."""
        self._closed = True
        peers = [peer for peer, _ in self._listeners.values()]
        if self._publisher is not None:
            peers.append(self._publisher)
        await asyncio.gather(*(peer.close() for peer in peers))
        self._listeners.clear()
        self._publisher = None
