"""PyTorch checkpoints read without PyTorch, and without running anything they contain.

The files of 2020 (before torch 1.6 and its zip files) are five pickles, one after another: a magic number, a
protocol number, the writer's machine, the state dict and the names of its storages; then each storage as a
64-bit count and its raw numbers. A pickle may name any function to be called on loading, so this reader knows
three names and refuses all others.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001

Floats = npt.NDArray[np.float32]
State = dict[str, Floats]
"""Tensors by name. Tensors of other types than float32 (counters) are left out."""


class NotACheckpoint(ValueError):
    """The bytes are no checkpoint of this kind, or end too early; the message says where."""


_SPOILED = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    OverflowError,
    MemoryError,
)
"""What spoiled bytes make an unpickler raise."""


_REMEMBERING = frozenset({"BINPUT", "LONG_BINPUT"})
_OPCODES = _REMEMBERING | {
    "PROTO",
    "STOP",
    "MARK",
    "GLOBAL",
    "REDUCE",
    "BUILD",
    "BINPERSID",
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "BINUNICODE",
    "EMPTY_TUPLE",
    "TUPLE",
    "TUPLE1",
    "TUPLE2",
    "TUPLE3",
    "EMPTY_LIST",
    "APPEND",
    "APPENDS",
    "EMPTY_DICT",
    "SETITEM",
    "SETITEMS",
    "BINGET",
    "LONG_BINGET",
}
"""What a list of tensors is written with. Some of the others take memory for what is not there."""


class _Storage(NamedTuple):
    key: str
    length: int
    is_float: bool


class _View(NamedTuple):
    """A tensor, before its numbers are read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers, not bytes

    def of(self, numbers: Floats) -> Floats:
        """A copy of the part of the storage this tensor is."""
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if min((0, *self.strides, *self.shape)) < 0 or self.offset < 0 or last >= len(numbers):
            raise NotACheckpoint(f"a tensor of shape {self.shape} reaches outside of its storage")
        if math.prod(self.shape) > len(numbers):
            raise NotACheckpoint(f"a tensor of shape {self.shape} is larger than its storage")
        strides = tuple(4 * step for step in self.strides)
        return np.ascontiguousarray(as_strided(numbers[self.offset :], self.shape, strides))


class _Reader(pickle.Unpickler):
    """An unpickler that calls nothing but the three stand-ins below."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _view,
            ("torch", "FloatStorage"): "float",
            ("torch", "LongStorage"): "long",
        }
        try:
            return known[module, name]
        except KeyError:
            raise NotACheckpoint(f"it asks for {module}.{name}, which no list of tensors needs") from None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, kind_of_numbers, key, _device, length, view = pid
        if kind != "storage" or view is not None:
            raise NotACheckpoint(f"it asks for an unknown object, {kind!r}")
        return _Storage(str(key), int(length), kind_of_numbers == "float")


def read_checkpoint(data: bytes) -> State:
    """The float32 tensors of a checkpoint's state dict. Raises `NotACheckpoint`."""
    file = io.BytesIO(data)
    try:
        magic, protocol, _machine, views, keys = (_unpickled(file) for _ in range(5))
        if (magic, protocol) != (MAGIC, PROTOCOL):
            raise NotACheckpoint("its first bytes are those of another kind of file")
        storages = {view.storage.key: view.storage for view in views.values()}
        numbers = {key: _numbers(file, storages.get(key)) for key in keys}
        return {
            name: view.of(numbers[view.storage.key]) for name, view in views.items() if view.storage.is_float
        }
    except NotACheckpoint:
        raise
    except _SPOILED as error:
        raise NotACheckpoint(f"{type(error).__name__}: {error}") from None


def _unpickled(file: io.BytesIO) -> Any:
    """The next pickle, looked through before it is read.

    The unpickler makes room for as many remembered objects as the largest number it meets says: one spoiled
    byte was 16 GiB.
    """
    begin = file.tell()
    remembered = 0
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name not in _OPCODES:
            raise NotACheckpoint(f"{opcode.name} is nothing that a list of tensors is written with")
        if opcode.name in _REMEMBERING:
            remembered += 1
            if not isinstance(argument, int) or argument > remembered:
                raise NotACheckpoint(f"it numbers an object {argument} before there are as many")
    file.seek(begin)
    return _Reader(file).load()


def _view(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _View:
    return _View(storage, offset, tuple(shape), tuple(strides))


def _numbers(file: io.BytesIO, storage: _Storage | None) -> Floats:
    length = int.from_bytes(file.read(8), "little")
    width = 4 if storage is None or storage.is_float else 8
    raw = file.read(width * length)
    if len(raw) < width * length or (storage is not None and storage.length != length):
        raise NotACheckpoint(f"{len(raw)} bytes where {width * length} should be: it is truncated")
    return np.frombuffer(raw, "<f4").astype(np.float32, copy=False)
