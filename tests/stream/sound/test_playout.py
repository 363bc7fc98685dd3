from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.ports import Block
from stream.sound.playout import FADE_SAMPLES, PLAYOUT_SAMPLES, Playout


class Feed:
    """A source fed by hand."""

    def __init__(self) -> None:
        self._samples: Block = np.zeros((0, 2), np.float32)
        self.read_so_far = 0

    def put(self, block: Block) -> None:
        self._samples = np.concatenate([self._samples, block])

    @property
    def available(self) -> int:
        return len(self._samples)

    def read(self, count: int) -> Block:
        block, self._samples = self._samples[:count].copy(), self._samples[count:]
        self.read_so_far += len(block)
        return block


def tone(start: int, count: int, amplitude: float = 0.9) -> Block:
    mono = amplitude * np.cos(2 * np.pi * 300 * np.arange(start, start + count) / 48_000)
    return np.stack([mono, mono], axis=1).astype(np.float32)


STEEPEST = 0.9 * 2 * np.pi * 300 / 48_000 + np.pi / 2 / FADE_SAMPLES
"""The most two neighboring samples of a faded tone can differ: its own slope and that of the fade."""


def opened(feed: Feed, refill: int = 1200) -> Playout:
    """Past the first gain ramp, so that only the blocks' own fades are heard."""
    playout = Playout(feed, refill)
    feed.put(np.zeros((PLAYOUT_SAMPLES * 5, 2), np.float32))
    for _ in range(4):
        playout.next_block()
    feed.read(feed.available)
    playout.next_block()
    return playout


def test_silence_until_there_is_music_then_every_sample_once() -> None:
    feed = Feed()
    playout = Playout(feed, 1200)
    block, index = playout.next_block()
    assert block.shape == (PLAYOUT_SAMPLES, 2) and not block.any() and index == 0
    assert playout.state == "starting"
    feed.put(tone(0, 20 * PLAYOUT_SAMPLES))
    heard = np.concatenate([playout.next_block()[0] for _ in range(15)])
    # Exact once the opening ramp is over.
    assert np.array_equal(heard[5 * PLAYOUT_SAMPLES :], tone(5 * PLAYOUT_SAMPLES, 10 * PLAYOUT_SAMPLES))
    assert playout.state == "playing" and playout.underruns == 0
    assert playout.played_samples == 15 * PLAYOUT_SAMPLES


@settings(max_examples=60)
@given(st.lists(st.integers(0, 1500), min_size=5, max_size=40))
def test_no_clicks_whatever_arrives_when(arrivals: list[int]) -> None:
    feed = Feed()
    playout, written, heard = opened(feed), 0, []
    for count in arrivals:
        feed.put(tone(written, count))
        written += count
        block, _ = playout.next_block()
        assert block.shape == (PLAYOUT_SAMPLES, 2)
        heard.append(block)
    joined = np.concatenate(heard)[:, 0]
    assert np.abs(np.diff(joined)).max(initial=0.0) <= STEEPEST


def test_an_underrun_is_counted_once_and_faded_both_ways() -> None:
    feed = Feed()
    playout = opened(feed)
    before = playout.underruns
    feed.put(tone(0, 3 * PLAYOUT_SAMPLES + FADE_SAMPLES))
    for _ in range(3):
        playout.next_block()
    last, _ = playout.next_block()
    assert last[:10].any() and not last[FADE_SAMPLES:].any()
    assert playout.underruns == before + 1 and playout.state == "silent"
    for _ in range(10):
        assert not playout.next_block()[0].any()
    assert playout.underruns == before + 1
    feed.put(tone(0, 4 * PLAYOUT_SAMPLES))
    first, _ = playout.next_block()
    assert abs(first[0, 0]) < 0.01 and np.abs(first[FADE_SAMPLES:]).max() > 0.8


def test_music_that_was_made_to_end_in_silence_is_no_underrun() -> None:
    feed = Feed()
    playout = opened(feed)
    feed.put(tone(0, 2 * PLAYOUT_SAMPLES))
    feed.put(np.zeros((PLAYOUT_SAMPLES + FADE_SAMPLES, 2), np.float32))
    before = playout.underruns
    for _ in range(8):
        playout.next_block()
    assert (playout.underruns, playout.state) == (before, "silent")


def test_music_waits_for_the_refill_after_an_underrun() -> None:
    feed = Feed()
    playout = Playout(feed, 1920)
    feed.put(tone(0, 1919))
    assert not playout.next_block()[0].any()
    feed.put(tone(1919, 1))
    assert playout.next_block()[0].any()


def test_gain_is_ramped() -> None:
    feed = Feed()
    playout = opened(feed)
    feed.put(np.ones((20 * PLAYOUT_SAMPLES, 2), np.float32))
    playout.next_block()
    playout.target_gain = 0.0
    heard = np.concatenate([playout.next_block()[0] for _ in range(6)])[:, 0]
    assert heard[0] > 0.99 and not heard[-1]
    assert np.abs(np.diff(heard)).max() < 1e-3
    assert playout.silent and playout.state == "silent"


def test_not_a_number_is_silence_and_too_loud_is_clipped() -> None:
    feed = Feed()
    playout = opened(feed)
    bad = np.full((3 * PLAYOUT_SAMPLES, 2), 7.0, np.float32)
    bad[100:200] = np.nan
    bad[200:300] = np.inf
    feed.put(bad)
    block, _ = playout.next_block()
    assert np.isfinite(block).all()
    assert not block[100:300].any()
    assert np.abs(block).max() == 1.0


def test_the_index_is_that_of_the_ring() -> None:
    feed = Feed()
    playout = Playout(feed, 1200)
    feed.put(tone(0, 5000))
    assert [playout.next_block()[1] for _ in range(3)] == [0, 960, 1920]
