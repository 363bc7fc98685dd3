"""Twenty minutes of sessions that come and go, with faults by seed, in virtual time: nothing grows.

`make soak` does the same with real peers and processes, for as long as wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from av import VideoFrame

from stream.composing.offer import Ensemble
from stream.ports import SAMPLE_RATE_HZ
from stream.session import music
from stream.session.services import Services
from stream.session.session import Session
from stream.session.sessions import Sessions
from stream.settings import Settings
from stream.sound.egress import PlayedBlock
from stream.sound.listener_queue import ListenerQueue
from tests import virtual_time
from tests.stream import scripted
from tests.stream.session.inline import InlineEgress, InlineHost, InlineSensing

MINUTES = 20.0
SEED = 20261127
LAG_S = 0.5
"""Ring, a reading's turn, control and the picture's own pace: after this, what is heard is what is seen."""
LONGEST_FAULT_S = 0.8
SETTLED_ROUNDS = 3


class Count(NamedTuple):
    """What must not grow. Objects are those the collector knows."""

    objects: int
    mib: float
    descriptors: int
    threads: int


def count() -> Count:
    gc.collect()
    if not Path("/proc/self/statm").is_file():
        return Count(len(gc.get_objects()), 0.0, 0, threading.active_count())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    mib = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Count(len(gc.get_objects()), mib, len(os.listdir("/proc/self/fd")), threading.active_count())


PICTURES = {
    level: VideoFrame.from_ndarray(np.full((18, 32, 3), level, np.uint8)) for level in (0, 64, 128, 255)
}
"""By brightness: the scripted sensor reads arousal from it, the scripted composer plays it as loudness."""


class Ear:
    """One listener's judgement of a session: loud as the picture is bright, and never silent for long."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self.checked = 0
        self.wrong: list[str] = []
        self.silent_blocks = 0
        self.longest_silence = 0
        self.loudest = 0.0
        self.last_pts = -1

    def hear(self, played: PlayedBlock) -> None:
        assert played.pts > self.last_pts
        self.last_pts = played.pts
        loud = float(np.abs(played.block[:, 0]).max())
        self.loudest = max(self.loudest, loud)
        self.silent_blocks = self.silent_blocks + 1 if loud < 1e-4 and self._show.audible else 0
        self.longest_silence = max(self.longest_silence, self.silent_blocks)
        if self._show.calm:
            self.checked += 1
            wanted = 0.3 + 0.2 * (2 * self._show.level / 255 - 1)
            if abs(loud - wanted) > 0.03:
                self.wrong.append(f"{self._show.now():.2f} s: {loud:.3f}, not {wanted:.3f}")


class Show:
    """One session, from the first picture to the last, and what befalls it."""

    disturbed_until_s = 0.0
    """Of all shows: what blocks the loop blocks them all."""

    def __init__(self, session: Session, rng: random.Random, sensing: InlineSensing) -> None:
        self.session = session
        self.rng = rng
        self.sensing = sensing
        self.level = 128
        self.pictures = True
        self._begun_s = self.now() + 2.0
        self.ear = Ear(self)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def audible(self) -> bool:
        return not self.session.music.muted

    @property
    def calm(self) -> bool:
        return self.audible and self.now() > max(self._begun_s, Show.disturbed_until_s)

    def disturb(self, seconds: float) -> None:
        Show.disturbed_until_s = max(Show.disturbed_until_s, self.now() + seconds + LAG_S)

    @contextlib.asynccontextmanager
    async def on(self) -> AsyncIterator[None]:
        packets: ListenerQueue[object] = ListenerQueue(64)
        with self.session.own_picture() as put, self.session.outlet(packets) as egress:
            if self.rng.random() < 0.3:  # encoding is half of what an hour costs here
                egress.add_listener(packets)
            self.session.add_tap(self.ear.hear)
            tasks = [asyncio.create_task(self._film(put)), asyncio.create_task(self._drink(packets))]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                self.session.remove_tap(self.ear.hear)
                egress.remove_listener(packets)

    async def _film(self, put: object) -> None:
        assert callable(put)
        while True:
            if self.pictures:
                put(PICTURES[self.level])
            await asyncio.sleep(0.1)

    async def _drink(self, packets: ListenerQueue[object]) -> None:
        while await packets.take() is not None:
            pass

    # What may happen.

    async def other_picture(self) -> None:
        self.disturb(0.2)
        self.level = self.rng.choice(list(PICTURES))

    async def other_anchor(self) -> None:
        self.session.set_anchor(self.rng.choice(scripted.PRESETS))

    async def other_piece(self) -> None:
        self.session.style.another()

    async def composer_lost(self) -> None:
        seconds = self.rng.uniform(0.1, LONGEST_FAULT_S)
        self.disturb(seconds + 0.5)
        host = self.session.music._host
        assert isinstance(host, InlineHost)
        host.lose(seconds)

    async def sensor_raises(self) -> None:
        self.disturb(1.5)
        self.sensing.raising = True
        await asyncio.sleep(1.0)
        self.sensing.raising = False

    async def picture_gone(self) -> None:
        self.pictures = False
        await asyncio.sleep(4.0)
        self.pictures = True
        self.disturb(0.5)

    async def loop_blocked(self) -> None:
        self.disturb(1.5)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual_time.VirtualTimeLoop)
        loop.jump(self.rng.choice([0.3, 0.5, 10.0]))

    async def muted(self) -> None:
        self.session.music.panic() if self.rng.random() < 0.5 else self.session.music.set_muted(True)
        await asyncio.sleep(1.0)
        self.disturb(0.5)
        self.session.music.set_muted(False)

    async def cut(self) -> None:
        self.session.control.mark_cut()


ACTS = (
    Show.other_picture, Show.other_picture, Show.other_anchor, Show.other_piece, Show.composer_lost,
    Show.sensor_raises, Show.picture_gone, Show.loop_blocked, Show.muted, Show.cut,
)  # fmt: skip


async def show(sessions: Sessions, name: str, rng: random.Random, sensing: InlineSensing) -> Ear:
    one = Show(sessions.get_or_begin(name), rng, sensing)
    async with one.on():
        await asyncio.sleep(3.0)
        for act in rng.choices(ACTS, k=4):
            await act(one)
            await asyncio.sleep(rng.uniform(2.0, 6.0))
    return one.ear


async def soak(counts: list[Count], ears: list[Ear]) -> None:
    loop = asyncio.get_running_loop()
    rng, sensing = random.Random(SEED), InlineSensing()
    services = Services(
        Settings(idle_end_s=1.0, video_gone_s=2.0, control_hz=20.0, default_anchor=scripted.PRESETS[0]),
        loop.time,
        sensing,  # type: ignore[arg-type]
        Ensemble(scripted.offers(), Settings(warm_composers=0)),
        scripted.WINDOWS,
        scripted.PRESETS,
        b"",
    )

    async def read() -> None:
        while True:
            sensing.read()
            await asyncio.sleep(0.15)

    async with Sessions(services) as sessions:
        reading = asyncio.create_task(read())
        began_s = loop.time()
        while loop.time() - began_s < 60.0 * MINUTES:
            names = ("one", "two")[: rng.randint(1, 2)]
            shows = (show(sessions, name, random.Random(rng.random()), sensing) for name in names)
            heard = await asyncio.gather(*shows)
            ears.append(max(heard, key=lambda ear: len(ear.wrong)))
            ears[-1]._show = None  # type: ignore[assignment]  # a session that has ended is let go of
            await asyncio.sleep(4.0)
            assert len(sessions) == 0
            del heard
            counts.append(count())
        reading.cancel()


@pytest.mark.timeout(900)
def test_twenty_minutes_of_sessions_and_faults_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(music, "ComposerHost", InlineHost)
    monkeypatch.setattr(music, "Egress", InlineEgress)
    unhandled: list[str] = []
    counts: list[Count] = []
    ears: list[Ear] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: unhandled.append(str(what)))
        await soak(counts, ears)

    with caplog.at_level(logging.INFO, logger="stream"):
        virtual_time.run(scenario())

    assert unhandled == [] and not [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(caplog.records) < 10 * len(counts), "no flood: a session says that it begins, plays and ends"
    assert InlineHost.by_link == {}

    first, last = counts[SETTLED_ROUNDS], counts[-1]
    assert len(counts) > 20
    assert last.objects - first.objects < 3000, counts
    assert last.mib - first.mib < 32, counts
    assert last.descriptors <= first.descriptors and last.threads <= first.threads, counts

    assert sum(ear.checked for ear in ears) > 10 * SAMPLE_RATE_HZ / 960 * len(ears) / 2
    assert [wrong for ear in ears for wrong in ear.wrong] == [], "what is heard follows what is seen"
    assert max(ear.loudest for ear in ears) <= 0.53
    assert max(ear.longest_silence for ear in ears) * 0.02 <= LONGEST_FAULT_S + 0.3
