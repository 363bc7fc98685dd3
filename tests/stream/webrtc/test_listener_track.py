from __future__ import annotations

import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.sound.opus import packet_of
from stream.webrtc.listener_track import MAX_WAITING, PACKET_S, PATIENCE_S, ListenerTrack
from tests import virtual_time

SILENCE = b"silence"


def test_packets_pass_in_order_as_they_come() -> None:
    async def scenario() -> None:
        track = ListenerTrack(SILENCE, 0)
        for pts in (0, 960, 1920):
            track.push(packet_of(b"music", pts))
        got = [await track.recv() for _ in range(3)]
        assert [p.pts for p in got] == [0, 960, 1920]
        assert track.silences == 0

    virtual_time.run(scenario())


def test_silence_takes_the_place_of_what_does_not_come() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        track = ListenerTrack(SILENCE, 4800)
        began_s = loop.time()
        packet = await track.recv()
        assert (bytes(packet), packet.pts) == (SILENCE, 4800)
        assert loop.time() - began_s == pytest.approx(PATIENCE_S)
        for n in range(1, 50):
            assert (await track.recv()).pts == 4800 + 960 * n
        assert loop.time() - began_s == pytest.approx(PATIENCE_S + 49 * PACKET_S)

    virtual_time.run(scenario())


def test_what_silence_has_stood_in_for_is_not_played_again() -> None:
    async def scenario() -> None:
        track = ListenerTrack(SILENCE, 0)
        assert bytes(await track.recv()) == SILENCE
        track.push(packet_of(b"late", 0))
        track.push(packet_of(b"music", 960))
        packet = await track.recv()
        assert (bytes(packet), packet.pts) == (b"music", 960)
        assert track.dropped == 1

    virtual_time.run(scenario())


def test_a_slow_listener_loses_the_oldest() -> None:
    async def scenario() -> None:
        track = ListenerTrack(SILENCE, 0)
        for n in range(MAX_WAITING + 3):
            track.push(packet_of(b"music", 960 * n))
        assert (await track.recv()).pts == 960 * 3
        assert track.dropped == 3

    virtual_time.run(scenario())


def test_a_loop_blocked_for_long_does_not_burst_silence() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual_time.VirtualTimeLoop)
        track = ListenerTrack(SILENCE, 0)
        await track.recv()
        loop.jump(10.0)
        began_s = loop.time()
        for _ in range(10):
            await track.recv()
        assert loop.time() - began_s >= 7.9 * PACKET_S

    virtual_time.run(scenario())


def test_stopping_ends_a_waiting_recv() -> None:
    async def scenario() -> None:
        track = ListenerTrack(SILENCE, 0)
        waiting = asyncio.create_task(track.recv())
        await asyncio.sleep(0)
        track.stop()
        with pytest.raises(MediaStreamError):
            await waiting
        with pytest.raises(MediaStreamError):
            await track.recv()

    virtual_time.run(scenario())


@settings(max_examples=40)
@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=30))
def test_however_packets_come_time_goes_forward_and_recv_keeps_its_deadline(naps: list[float]) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        track = ListenerTrack(SILENCE, 0)

        async def feed() -> None:
            for n, nap in enumerate(naps):
                await asyncio.sleep(nap)
                track.push(packet_of(b"music", 960 * n))

        feeding = asyncio.create_task(feed())
        last = -960
        while not feeding.done():
            began_s = loop.time()
            packet = await track.recv()
            assert loop.time() - began_s <= PATIENCE_S + 1e-6
            assert packet.pts is not None and packet.pts >= last + 960
            last = packet.pts

    virtual_time.run(scenario())
