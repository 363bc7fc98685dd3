"""Checkpoints are read as torch reads them, and nothing in them is ever run."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.checkpoint import NotACheckpoint, read_checkpoint
from sensor.encoder import weights_path


def saved(path: Path, state: object) -> bytes:
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


def test_as_torch_reads_it() -> None:
    path = weights_path("lite1")
    expected = torch.load(path, weights_only=True)
    found = read_checkpoint(path.read_bytes())
    assert found.keys() == {name for name, each in expected.items() if each.dtype == torch.float32}
    for name, each in found.items():
        np.testing.assert_array_equal(each, expected[name].numpy(), strict=True)


def test_views_counters_and_shared_storage(tmp_path: Path) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    state = {
        "whole": whole,
        "turned": whole.t(),
        "part": whole[1:3, 2:5],
        "one": whole[2, 3],
        "count": torch.tensor(7),
    }
    found = read_checkpoint(saved(tmp_path / "a.pth", state))
    assert found.keys() == {"whole", "turned", "part", "one"}
    for name, each in found.items():
        np.testing.assert_array_equal(each, state[name].numpy())


class Spy:
    """Its pickle calls a function when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.path, "run")


def test_nothing_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    data = saved(tmp_path / "a.pth", {"a": torch.zeros(2), "b": Spy(trace)})
    with pytest.raises(NotACheckpoint, match="asks for"):
        read_checkpoint(data)
    with pytest.raises(NotACheckpoint):
        read_checkpoint(pickle.dumps(Spy(trace)))
    assert not trace.exists()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
    return saved(tmp_path_factory.mktemp("checkpoint") / "a.pth", state)


def test_every_truncation_is_refused(small: bytes) -> None:
    for length in range(0, len(small), 7):
        with pytest.raises(NotACheckpoint):
            read_checkpoint(small[:length])


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [
        (b"\x80\x02}r\xff\xff\xff\x7f.", "numbers an object"),  # the unpickler: room for 2 ** 31 objects
        (b"\x80\x02\x96\xff\xff\xff\xff\x07\x00\x00\x00.", "BYTEARRAY8|bytes"),  # and for 32 GiB of bytes
    ],
)
def test_no_memory_is_taken_for_what_is_not_there(spoiled: bytes, message: str) -> None:
    with pytest.raises(NotACheckpoint, match=message):
        read_checkpoint(spoiled)


def test_a_tensor_is_no_larger_than_its_storage(tmp_path: Path) -> None:
    repeated = torch.zeros(1).expand(2**40)
    with pytest.raises(NotACheckpoint, match="larger than its storage"):
        read_checkpoint(saved(tmp_path / "a.pth", {"a": repeated}))


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_no_flipped_byte_raises_anything_else(small: bytes, data: st.DataObject) -> None:
    spoiled = bytearray(small)
    for _ in range(data.draw(st.integers(1, 3))):
        spoiled[data.draw(st.integers(0, len(small) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_checkpoint(bytes(spoiled))
    except NotACheckpoint:
        return
    assert all(each.dtype == np.float32 for each in found.values())
