from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from stream.ports import Block
from stream.sound.egress import MAX_HANDOVER, Egress, PlayedBlock
from stream.webrtc.listener_track import MAX_WAITING, ListenerTrack
from tests import virtual_time


class Endless:
    """A source that always has enough: the left channel is the sample's index."""

    available = 10_000

    def __init__(self) -> None:
        self.read_so_far = 0

    def read(self, count: int) -> Block:
        left = (np.arange(self.read_so_far, self.read_so_far + count) % 1000 / 2000).astype(np.float32)
        self.read_so_far += count
        return np.stack([left, left], axis=1)


def with_egress(work: Callable[[Egress, virtual_time.VirtualTimeLoop], object]) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual_time.VirtualTimeLoop)
        egress = Egress(Endless(), loop.time, loop, name="test", bit_rate=96_000, refill_samples=1920)
        result = work(egress, loop)
        if asyncio.iscoroutine(result):
            await result

    virtual_time.run(scenario())


def test_taps_hear_every_block_in_order_and_nothing_is_encoded_for_nobody() -> None:
    def work(egress: Egress, loop: virtual_time.VirtualTimeLoop) -> None:
        heard: list[PlayedBlock] = []
        egress.add_tap(heard.append)
        for _ in range(10):
            egress.step()
            loop.jump(0.02)
        assert [b.ring_sample for b in heard] == [960 * n for n in range(10)]
        assert [b.pts for b in heard] == [960 * n for n in range(10)]
        assert [round(b.t_s - heard[0].t_s, 6) for b in heard] == [round(0.02 * n, 6) for n in range(10)]
        egress.remove_tap(heard.append)
        egress.step()
        assert len(heard) == 10

    with_egress(work)


def test_every_listener_gets_the_same_packets() -> None:
    async def work(egress: Egress, loop: virtual_time.VirtualTimeLoop) -> None:
        tracks = [ListenerTrack(b"", egress.pts) for _ in range(3)]
        for track in tracks:
            egress.add_listener(track)
        got: list[list[bytes]] = [[], [], []]
        for _ in range(5):
            egress.step()
            await asyncio.sleep(0)
            loop.jump(0.02)
            for track, packets in zip(tracks, got, strict=True):
                packets.append(bytes(await track.recv()))
        assert got[0] == got[1] == got[2] and len(set(got[0])) == 5
        egress.remove_listener(tracks[0])
        egress.step()
        await asyncio.sleep(0)
        assert not tracks[0]._queue and len(tracks[1]._queue) == 1

    with_egress(lambda egress, loop: work(egress, loop))


def test_a_blocked_loop_piles_nothing_up() -> None:
    async def work(egress: Egress, loop: virtual_time.VirtualTimeLoop) -> None:
        track = ListenerTrack(b"", egress.pts)
        egress.add_listener(track)
        for _ in range(100):  # two seconds in which the loop does not run
            egress.step()
            loop.jump(0.02)
        await asyncio.sleep(0)
        last = egress.pts - 960
        got = [await track.recv() for _ in range(MAX_WAITING)]
        assert [p.pts for p in got] == [last - 960 * n for n in reversed(range(MAX_WAITING))]
        assert MAX_WAITING <= MAX_HANDOVER

    with_egress(lambda egress, loop: work(egress, loop))


def test_a_long_gap_is_skipped_in_time_but_no_music_is_lost() -> None:
    def work(egress: Egress, loop: virtual_time.VirtualTimeLoop) -> None:
        heard: list[PlayedBlock] = []
        egress.add_tap(heard.append)
        egress.step()
        loop.jump(10.0)
        egress.step()
        assert heard[1].pts >= 480_000 - 960 and heard[1].ring_sample == 960
        assert egress.skipped_blocks == 499 and egress.underruns == 0

    with_egress(work)


def test_volume_and_mute() -> None:
    def work(egress: Egress, loop: virtual_time.VirtualTimeLoop) -> None:
        heard: list[PlayedBlock] = []
        egress.add_tap(heard.append)

        def settled() -> float:
            for _ in range(8):
                egress.step()
                loop.jump(0.02)
            return float(heard[-1].block.max())

        full = settled()
        egress.set_gain(0.5, False)
        assert abs(settled() - full / 4) < 1e-3
        egress.set_gain(0.5, True)
        assert settled() == 0.0 and egress.state == "silent"
        egress.set_gain(1.0, False)
        assert abs(settled() - full) < 1e-3 and egress.state == "playing"

    with_egress(work)
