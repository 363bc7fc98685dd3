from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.composing.link import ComposerLink

unit = st.floats(-1, 1, width=32)


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=5))
def test_the_newest_affect_wins(pairs: list[tuple[float, float]]) -> None:
    owner = ComposerLink.create(480)
    guest = ComposerLink.attach(owner.name, 480)
    try:
        for pair in pairs:
            owner.affect = pair
        assert guest.affect == pairs[-1]
    finally:
        guest.close()
        owner.close()


def test_pcm_and_heartbeat_cross() -> None:
    owner = ComposerLink.create(480)
    guest = ComposerLink.attach(owner.name, 480)
    block = np.random.default_rng(1).standard_normal((480, 2)).astype(np.float32)
    guest.ring.write(block)
    guest.beat()
    assert np.array_equal(owner.ring.read(480), block)
    assert owner.heartbeat == 1
    guest.close()
    owner.close()
    owner.close()


def test_a_closed_link_is_gone() -> None:
    owner = ComposerLink.create(480)
    owner.close()
    with pytest.raises(FileNotFoundError):
        ComposerLink.attach(owner.name, 480)
    assert owner.ring.available == 0
