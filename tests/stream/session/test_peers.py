"""When a publisher counts as gone: by what it sends, not by what we choose to decode."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from av import VideoFrame

from stream.latest_frame import LatestFrame
from stream.session.peers import SessionPeers
from stream.settings import Settings
from stream.webrtc.backlog import HANGS_S, KEY_PATIENCE_S, EncodedFrames
from stream.webrtc.key_frames import Pictures
from stream.webrtc.loss import Assembled
from stream.webrtc.peer import token_digest

KEY, INTER = b"\x10", b"\x11"
FPS = 30
PICTURE = VideoFrame(16, 16, "yuv420p")
GAP = 250
"""Frames between key frames: the usual 8.3 s of x264, for who heeds no request."""


class Stage:
    """A publisher's pictures from the network to the slot, in virtual time; `decodes` says if they can be."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.sent = 0
        self.decodes, self.hangs = True, False
        self.slot = LatestFrame()
        self.frames = EncodedFrames(5, lambda: None, lambda: self.now_s)
        ignore: Any = lambda *args: None  # noqa: E731
        self.peers = SessionPeers(
            "live",
            Settings(),
            self.slot,
            time_s=lambda: self.now_s,
            play=ignore,
            changed=ignore,
            spawn=ignore,
            silence=b"",
            hear_voice=ignore,
        )
        self.peers._publisher = self.publisher = SimpleNamespace(  # type: ignore[assignment]
            id="first", backlog=self.frames, token=token_digest("first publisher's")
        )

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            data = INTER if self.sent % GAP else KEY
            self.frames.put((SimpleNamespace(name="VP8"), Assembled(data, 0)))
            self.sent += 1

    def decode(self) -> None:
        """What the decoder's thread does, which is back for more at once unless it hangs."""
        while len(self.frames) and self.frames._taken_s is None:
            self.frames.get()
            if self.hangs:
                return
            self.frames._taken_s = None
            if self.decodes:
                self.slot.put(PICTURE, self.now_s)

    def states(self, seconds: float, sends: bool = True) -> list[str]:
        """The state after each frame's time."""
        seen = []
        for _ in range(round(seconds * FPS)):
            self.now_s += 1 / FPS
            if sends:
                self.send()
            self.decode()
            seen.append(self.peers.video_state)
        return seen

    def replaceable(self) -> bool:
        return self.peers._may_replace(self.publisher, "another's")  # type: ignore[arg-type]


@pytest.mark.parametrize("which", [Pictures.KEY_FRAMES, Pictures.ONE_A_SECOND])
def test_who_sends_what_is_not_decoded_is_live_and_keeps_its_place(which: Pictures) -> None:
    stage = Stage()
    stage.frames.pictures = which
    assert set(stage.states(60.0)) == {"live"}
    assert not stage.replaceable()


def test_who_stops_sending_is_gone_all_the_same() -> None:
    stage = Stage()
    stage.frames.pictures = Pictures.KEY_FRAMES
    stage.states(10.0)
    patience_s = Settings().video_gone_s
    assert set(stage.states(patience_s - 0.1, sends=False)) == {"live"}
    stage.states(0.2, sends=False)
    assert stage.peers.video_state == "gone" and stage.replaceable()


def test_pictures_lost_by_a_slow_decoder_are_no_silence() -> None:
    stage = Stage()
    stage.states(1.0)
    stage.send(10)  # more than may wait: the rest is dropped up to the next key frame
    assert set(stage.states(KEY_PATIENCE_S + 1.0)) == {"live"}


def test_what_nobody_can_decode_does_not_hold_the_session() -> None:
    stage = Stage()
    stage.states(1.0)
    stage.decodes = False
    assert stage.states(Settings().video_gone_s + 0.5)[-1] == "gone" and stage.replaceable()


def test_a_decoder_that_hangs_does_not_hold_the_session() -> None:
    stage = Stage()
    stage.states(1.0)
    stage.hangs = True  # at one picture; those that come are dropped
    assert stage.states(HANGS_S + 0.5)[-1] == "gone" and stage.replaceable()
