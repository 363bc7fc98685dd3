from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.composing.audio_ring import AudioRing
from stream.ports import Block


def ring_of(capacity: int) -> AudioRing:
    return AudioRing(memoryview(bytearray(AudioRing.bytes_for(capacity))), capacity)


def numbered(first: int, count: int) -> Block:
    """Left counts up from `first`, right is its negative: a swapped or lost sample shows."""
    left = np.arange(first, first + count, dtype=np.float32)
    return np.stack([left, -left], axis=1)


@given(
    capacity=st.integers(1, 50),
    moves=st.lists(st.tuples(st.sampled_from(["write", "read"]), st.integers(0, 70)), max_size=60),
)
def test_a_ring_is_a_bounded_list(capacity: int, moves: list[tuple[str, int]]) -> None:
    ring, model, total = ring_of(capacity), list[list[float]](), 0
    for move, count in moves:
        if move == "write":
            taken = ring.write(numbered(total, count))
            assert taken == min(count, capacity - len(model))
            model += numbered(total, taken).tolist()
            total += taken
        else:
            block = ring.read(count)
            assert block.tolist() == model[:count]
            model = model[count:]
        assert ring.available == len(model)
        assert ring.space == capacity - len(model)
        assert ring.written == total
        assert ring.read_so_far == total - len(model)


def test_what_is_read_is_a_copy() -> None:
    ring = ring_of(4)
    ring.write(numbered(1, 4))
    block = ring.read(4)
    ring.write(numbered(100, 4))
    assert block.tolist() == numbered(1, 4).tolist()


def test_two_views_of_one_memory_are_one_ring() -> None:
    memory = memoryview(bytearray(AudioRing.bytes_for(8)))
    writer, reader = AudioRing(memory, 8), AudioRing(memory, 8)
    writer.write(numbered(0, 5))
    assert reader.read(8).tolist() == numbered(0, 5).tolist()
    assert writer.space == 8


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="needs"):
        AudioRing(memoryview(bytearray(100)), 100)
