"""Just enough of the ONNX file format to write a network down.

ONNX Runtime takes a serialized model. The package that writes them would be one more dependency for a format
of which seven messages are needed, so they are written here: protocol buffers are fields of a number, a kind
and a value (onnx.proto3, IR version 8).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

IR_VERSION = 8
OPSET = 17
RUNTIME_DOMAIN = "com.microsoft"
"""Operators of ONNX Runtime's own."""

_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}
_FLOAT, _INT, _INTS = 1, 2, 7  # AttributeProto.AttributeType

Array = npt.NDArray[Any]
Attribute = int | float | Sequence[int]


class Graph:
    """A graph under construction: operators are added in the order they run."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, dtype: str, shape: Sequence[int]) -> str:
        """An input of the graph; returns its name."""
        self._inputs.append(_value_info(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: Sequence[int]) -> None:
        """Make an operator's result an output of the graph."""
        self._outputs.append(_value_info(name, dtype, shape))

    def constant(self, array: Array) -> str:
        """A tensor known beforehand (float32, uint8, int8, int32 or int64); returns its name."""
        name = self._name("c")
        raw = np.ascontiguousarray(array).tobytes()  # numbers are little-endian, as here
        dims = b"".join(_integer(1, n) for n in array.shape)
        self._constants.append(dims + _integer(2, _TYPES[array.dtype.name]) + _text(8, name) + _bytes(9, raw))
        return name

    def operator(self, kind: str, inputs: Iterable[str], domain: str = "", **attributes: Attribute) -> str:
        """One operator of one result; returns the result's name."""
        name = self._name("t")
        node = b"".join(_text(1, each) for each in inputs) + _text(2, name) + _text(4, kind)
        node += b"".join(_bytes(5, _attribute(key, value)) for key, value in attributes.items())
        self._nodes.append(node + _text(7, domain))
        return name

    def serialized(self) -> bytes:
        """The whole model, as `onnxruntime.InferenceSession` takes it."""
        graph = b"".join(
            [
                *(_bytes(1, node) for node in self._nodes),
                _text(2, "network"),
                *(_bytes(5, constant) for constant in self._constants),
                *(_bytes(11, value) for value in self._inputs),
                *(_bytes(12, value) for value in self._outputs),
            ]
        )
        domains = b"".join(
            _bytes(8, _text(1, domain) + _integer(2, version))
            for domain, version in (("", OPSET), (RUNTIME_DOMAIN, 1))
        )
        return _integer(1, IR_VERSION) + _bytes(7, graph) + domains

    def _name(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _integer(3, value) + _integer(20, _INT)
    if isinstance(value, float):
        return _text(1, name) + _key(2, 5) + struct.pack("<f", value) + _integer(20, _FLOAT)
    return _text(1, name) + b"".join(_integer(8, each) for each in value) + _integer(20, _INTS)


def _value_info(name: str, dtype: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(_bytes(1, _integer(1, n)) for n in shape)
    tensor = _integer(1, _TYPES[dtype]) + _bytes(2, dims)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _integer(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first. Only what is not negative occurs here."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
