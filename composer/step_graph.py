"""The decoder's step as a graph for ONNX Runtime, its matrices in 8 bits.

ONNX Runtime takes a serialized model. The package that writes them would be one more dependency for a format
of which seven messages are needed, so they are written here, as `sensor/onnx_graph.py` does for its network
(onnx.proto3, IR version 8): protocol buffers are fields of a number, a kind and a value.

Inputs, for any number of rows R: `start` (R, 1, D), embeddings added; `cosine` and `sine` (1, d / 2) of the
token's place; `mask` (1, 1, 1, window + 1), added to the scores of the ring's slots and of the token itself;
`residual_l` (R, 1, D) for each shallow block; per layer the ring, `keys_l` (R, H, d, window) and `values_l`
(R, H, window, d). Outputs: `logits` (R, 1, V), then key and value of each layer, (R, 1, D), turned already.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from composer.config import ModelConfig

Array = npt.NDArray[Any]
Arrays = Mapping[str, npt.NDArray[np.float32]]
Attribute = int | float

EPSILON = 1e-5
_BLOCK = 256
"""Inputs that share a scale."""
_RUNTIME = "com.microsoft"
"""Operators of ONNX Runtime's own."""
_OPSETS = (("", 17), (_RUNTIME, 1))
_IR_VERSION = 8
_TYPES = {"float32": 1, "uint8": 2, "int64": 7}
_FLOAT, _INT = 1, 2  # AttributeProto.AttributeType


def quantized(weight: npt.NDArray[np.float32]) -> tuple[Array, Array]:
    """(N, K) to codes (N, blocks, block) and scales (N * blocks,), as MatMulNBits reads them: 128 is zero."""
    rows, columns = weight.shape
    blocks = -(-columns // _BLOCK)
    padded = np.zeros((rows, blocks * _BLOCK), np.float32)
    padded[:, :columns] = weight
    parts = padded.reshape(rows, blocks, _BLOCK)
    scales = np.abs(parts).max(axis=2) / 127.0
    codes = np.rint(parts / np.where(scales > 0.0, scales, 1.0)[..., None]) + 128.0
    return codes.astype(np.uint8), scales.astype(np.float32).reshape(-1)


class _Graph:
    """A graph under construction: operators are added in the order they run."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str]) -> None:
        self._inputs.append(_value_info(name, shape))

    def output(self, name: str) -> None:
        self._outputs.append(_value_info(name, None))

    def constant(self, array: Array) -> str:
        """A tensor known beforehand; returns its name."""
        name = self._named("c")
        raw = np.ascontiguousarray(array).tobytes()  # numbers are little-endian, as here
        dims = b"".join(_integer(1, n) for n in array.shape)
        self._constants.append(dims + _integer(2, _TYPES[array.dtype.name]) + _text(8, name) + _bytes(9, raw))
        return name

    def add(self, kind: str, inputs: Sequence[str], domain: str = "", **attributes: Attribute) -> str:
        """An operator of one result; returns the result's name."""
        return self.add_many(kind, inputs, (self._named("t"),), domain, **attributes)[0]

    def add_many(
        self,
        kind: str,
        inputs: Sequence[str],
        results: Sequence[str],
        domain: str = "",
        **attributes: Attribute,
    ) -> Sequence[str]:
        """An operator whose results are named; an empty name is one that nobody wants."""
        node = b"".join(_text(1, each) for each in inputs) + b"".join(_text(2, each) for each in results)
        node += _text(4, kind) + b"".join(_bytes(5, _attribute(*pair)) for pair in attributes.items())
        self._nodes.append(node + _text(7, domain))
        return results

    def split(self, x: str, *sizes: int, axis: int) -> Sequence[str]:
        names = [self._named("t") for _ in sizes]
        return self.add_many("Split", [x, self.constant(np.array(sizes, np.int64))], names, axis=axis)

    def reshaped(self, x: str, *sizes: int) -> str:
        """0 leaves a size as it is."""
        return self.add("Reshape", [x, self.constant(np.array(sizes, np.int64))])

    def product(self, x: str, weight: npt.NDArray[np.float32]) -> str:
        """x · weightᵀ for weight (out, in)."""
        if self._bits == 32:
            return self.add("MatMul", [x, self.constant(weight.T)])
        codes, scales = quantized(weight)
        rows, columns = weight.shape
        inputs = [x, self.constant(codes), self.constant(scales)]
        # Level 4: the activations in 8 bits too, so that whole numbers are multiplied.
        sizes = {"K": columns, "N": rows, "bits": 8, "block_size": _BLOCK, "accuracy_level": 4}
        return self.add("MatMulNBits", inputs, _RUNTIME, **sizes)

    def joined(self, h: str, y: str, scale: npt.NDArray[np.float32]) -> tuple[str, str]:
        """The stream h with y added, and its norm: one operator, for each costs microseconds."""
        norm, total = self._named("t"), self._named("t")
        inputs = [h, y, self.constant(scale), self.constant(np.zeros_like(scale))]
        kind = "SkipLayerNormalization"
        self.add_many(kind, inputs, (norm, "", "", total), _RUNTIME, epsilon=EPSILON)
        return total, norm

    def serialized(self) -> bytes:
        """The whole model, as `onnxruntime.InferenceSession` takes it."""
        graph = b"".join(_bytes(1, node) for node in self._nodes) + _text(2, "step")
        for field, parts in ((5, self._constants), (11, self._inputs), (12, self._outputs)):
            graph += b"".join(_bytes(field, part) for part in parts)
        opsets = b"".join(_bytes(8, _text(1, domain) + _integer(2, n)) for domain, n in _OPSETS)
        return _integer(1, _IR_VERSION) + _bytes(7, graph) + opsets

    def _named(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


def serialized(weights: Arrays, config: ModelConfig, bits: int = 8) -> bytes:
    """The model of one step; `bits` is 8, or 32 for the matrices as they are.

    Raises KeyError when a weight is missing.
    """
    c, g = config, _Graph(bits)
    width, window, heads, head_width = c.width, c.window, c.heads, c.head_width
    g.input("start", ["R", 1, width])
    g.input("cosine", [1, head_width // 2])
    g.input("sine", [1, head_width // 2])
    g.input("mask", [1, 1, 1, window + 1])
    for layer in range(c.shallow):
        g.input(f"residual_{layer}", ["R", 1, width])
    for layer in range(c.layers):
        g.input(f"keys_{layer}", ["R", heads, head_width, window])
        g.input(f"values_{layer}", ["R", heads, window, head_width])
    place = g.constant(np.zeros(1, np.int64))
    norms = [weights[f"blocks.{layer}.norm_1.weight"] for layer in range(c.layers)] + [weights["norm.weight"]]
    h, fresh = "start", []
    x = g.add("LayerNormalization", [h, g.constant(norms[0])], axis=-1, epsilon=EPSILON)
    for layer in range(c.layers):
        block = f"blocks.{layer}"
        qkv = weights[f"{block}.qkv.weight"].copy()
        qkv[:width] *= np.float32(head_width**-0.5)  # the scores' scale, once for all
        turning, value = g.split(g.product(x, qkv), 2 * width, width, axis=2)
        turned = g.add(
            "RotaryEmbedding",
            [turning, place, "cosine", "sine"],
            _RUNTIME,
            interleaved=1,
            num_heads=2 * heads,
            rotary_embedding_dim=head_width,
        )
        query, key = g.split(turned, width, width, axis=2)
        fresh += [key, value]
        asked = g.reshaped(query, 0, heads, 1, head_width)
        own = g.add("MatMul", [asked, g.reshaped(key, 0, heads, head_width, 1)])
        scores = g.add("Concat", [g.add("MatMul", [asked, f"keys_{layer}"]), own], axis=3)
        odds = g.add("Softmax", [g.add("Add", [scores, "mask"])], axis=3)
        of_ring, of_own = g.split(odds, window, 1, axis=3)
        heard = g.add(
            "Add",
            [
                g.add("MatMul", [of_ring, f"values_{layer}"]),
                g.add("Mul", [of_own, g.reshaped(value, 0, heads, 1, head_width)]),
            ],
        )
        y = g.product(g.reshaped(heard, 0, 1, width), weights[f"{block}.out.weight"])
        h, x = g.joined(h, y, weights[f"{block}.norm_2.weight"])
        risen = g.add("Gelu", [g.product(x, weights[f"{block}.up.weight"])], _RUNTIME)
        y = g.product(risen, weights[f"{block}.down.weight"])
        if layer < c.shallow:
            y = g.add("Add", [y, f"residual_{layer}"])
        h, x = g.joined(h, y, norms[layer + 1])
    for name in (g.product(x, weights["token.weight"]), *fresh):
        g.output(name)
    return g.serialized()


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        # A negative number is written as its complement in 64 bits.
        return _text(1, name) + _integer(3, value % (1 << 64)) + _integer(20, _INT)
    return _text(1, name) + _key(2, 5) + struct.pack("<f", value) + _integer(20, _FLOAT)


def _value_info(name: str, shape: Sequence[int | str] | None) -> bytes:
    tensor = _integer(1, _TYPES["float32"])
    if shape is not None:
        dims = (_text(2, n) if isinstance(n, str) else _integer(1, n) for n in shape)
        tensor += _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
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
    """Seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
