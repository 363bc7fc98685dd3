"""Three inner loops in vector instructions, written as LLVM's own code and compiled when first used.

A step reads every weight once for a few rows, so it lives on what the memory hands out. Nothing that numba
makes of a loop in Python's words keeps up with that: products of bytes need the instruction made for them
(VNNI's vpdpbusd: four products into each 32-bit lane).

Addresses are plain integers: numba passes no vectors, and an array's view costs more than a short loop.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK = 256
"""Inputs that share a scale, as in `composer.musicgen.quantize`."""

_BYTE, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()

Builder = Any
Value = Any


def lanes() -> int:
    """How many 32-bit numbers this processor's byte products fill at once: 16, 8, or 0 where it has none."""
    features = binding.get_host_cpu_features()
    if features.get("avx512vnni") and features.get("avx512vl"):
        return 16
    return 8 if features.get("avxvnni") and features.get("fma") else 0


@cache
def product_of(lanes: int, rows: int, bits: int) -> Any:
    """`product(weights, codes, scales, sums, out, blocks, inputs, outputs)`: one tile for all rows.

    `weights` is a tile of `composer.musicgen.tiles`; `codes` int8 (rows, inputs), `scales` float32 and `sums`
    int32 (rows, blocks) are what `row_math.quantize` made; `out` is float32 (rows, outputs).
    """
    record = record_bytes(lanes, bits)
    steps_a_load = 8 // bits
    middle = 1 << (bits - 1)

    def body(b: Builder, args: Sequence[Value]) -> None:
        weights, codes, scales, sums, out, blocks, inputs, outputs = args
        v = _Vectors(b, lanes)
        totals = [v.variable(v.zeros()) for _ in range(rows)]
        with cgutils.for_range(b, blocks, intp=_I64) as block:
            here = b.add(weights, b.mul(block.index, v.number(record)))
            counts = [v.variable(v.integers(0)) for _ in range(rows)]
            loads = BLOCK // 4 // steps_a_load
            with cgutils.for_range(b, v.number(loads // _UNROLLED), intp=_I64) as turn:
                for part in range(_UNROLLED):
                    load = b.add(b.mul(turn.index, v.number(_UNROLLED)), v.number(part))
                    place = b.add(here, b.mul(load, v.number(4 * lanes)))
                    v.fetch(b.add(place, v.number(_AHEAD)))
                    packed = v.load_integers(place)
                    for step in range(steps_a_load):
                        unsigned = packed if bits == 8 else v.nibbles(packed, step)
                        offset = b.mul(
                            b.add(b.mul(load, v.number(steps_a_load)), v.number(step)), v.number(4)
                        )
                        of_block = b.add(b.mul(block.index, v.number(BLOCK)), offset)
                        for row, count in enumerate(counts):
                            four = b.add(codes, b.add(b.mul(inputs, v.number(row)), of_block))
                            b.store(v.byte_products(b.load(count), unsigned, v.spread_integer(four)), count)
            scale = v.load_floats(b.add(here, v.number(record - 4 * lanes)))
            for row in range(rows):
                place = b.mul(b.add(b.mul(blocks, v.number(row)), block.index), v.number(4))
                excess = b.mul(v.spread_integer(b.add(sums, place)), v.integers(middle))
                real = b.sitofp(b.sub(b.load(counts[row]), excess), v.floats_type)
                scaled = b.fmul(scale, v.spread_float(b.add(scales, place)))
                b.store(v.fused(real, scaled, b.load(totals[row])), totals[row])
        for row, total in enumerate(totals):
            v.store(b.load(total), b.add(out, b.mul(outputs, v.number(4 * row))))

    return _intrinsic(body, 8)


def record_bytes(lanes: int, bits: int) -> int:
    """A block of inputs for `lanes` outputs: codes, then their scales."""
    return BLOCK * lanes * bits // 8 + 4 * lanes


@cache
def scores_of(lanes: int) -> Any:
    """`scores(keys, query, out, quads)`: `lanes` positions' sums of products with a query, as float32.

    `keys` unsigned bytes (quads, lanes, 4): a position is a column; `query` signed bytes (quads, 4).
    """

    def body(b: Builder, args: Sequence[Value]) -> None:
        keys, query, out, quads = args
        v = _Vectors(b, lanes)
        total = v.variable(v.integers(0))
        with cgutils.for_range(b, quads, intp=_I64) as turn:
            key = v.load_integers(b.add(keys, b.mul(turn.index, v.number(4 * lanes))))
            asked = v.spread_integer(b.add(query, b.mul(turn.index, v.number(4))))
            b.store(v.byte_products(b.load(total), key, asked), total)
        v.store(b.sitofp(b.load(total), v.floats_type), out)

    return _intrinsic(body, 4)


@cache
def blend_of(lanes: int, tiles: int) -> Any:
    """`blend(values, weights, out, positions)`: the weighted sum of int8 rows (positions, tiles * lanes)."""

    def body(b: Builder, args: Sequence[Value]) -> None:
        values, weights, out, positions = args
        v = _Vectors(b, lanes)
        sums = [v.variable(v.zeros()) for _ in range(tiles)]
        with cgutils.for_range(b, positions, intp=_I64) as turn:
            weight = v.spread_float(b.add(weights, b.mul(turn.index, v.number(4))))
            row = b.add(values, b.mul(turn.index, v.number(tiles * lanes)))
            for tile, total in enumerate(sums):
                value = v.load_bytes(b.add(row, v.number(tile * lanes)))
                b.store(v.fused(value, weight, b.load(total)), total)
        for tile, total in enumerate(sums):
            v.store(b.load(total), b.add(out, v.number(4 * lanes * tile)))

    return _intrinsic(body, 4)


@intrinsic
def take(typing: Any, address: Any) -> Any:
    """One more in the count at an address, as one operation for all threads; what it was before."""

    def generate(context: Any, b: Builder, _: Any, args: Sequence[Value]) -> Value:
        return b.atomic_rmw("add", b.inttoptr(args[0], _I64.as_pointer()), ir.Constant(_I64, 1), "seq_cst")

    return types.intp(types.intp), generate


@intrinsic
def wait(typing: Any, address: Any, count: Any) -> Any:
    """Until the count at an address is `count`. Not for long: the other thread is at its last piece.

    Unless it lost its core. Then what waits hands over its own: it could be the same one.
    """

    def generate(context: Any, b: Builder, _: Any, args: Sequence[Value]) -> Value:
        place = b.inttoptr(args[0], _I64.as_pointer())
        pause = _known(b, "llvm.x86.sse2.pause", ir.FunctionType(ir.VoidType(), []))
        before = b.block
        names = "look", "rest", "spin", "hand_over", "on"
        look, rest, spin, hand_over, on = (b.append_basic_block(name) for name in names)
        b.branch(look)
        b.position_at_end(look)
        turn = b.phi(_I64)
        done = b.icmp_signed(">=", b.load_atomic(place, "seq_cst", 8), args[1])
        b.cbranch(done, on, rest)
        b.position_at_end(rest)
        following = b.add(turn, ir.Constant(_I64, 1))
        b.cbranch(b.icmp_signed("<", turn, ir.Constant(_I64, _PATIENCE)), spin, hand_over)
        b.position_at_end(spin)
        b.call(pause, [])
        b.branch(look)
        b.position_at_end(hand_over)
        if sys.platform == "win32":
            b.call(pause, [])
        else:
            b.call(_known(b, "sched_yield", ir.FunctionType(_I32, [])), [])
        b.branch(look)
        turn.add_incoming(ir.Constant(_I64, 0), before)
        turn.add_incoming(following, spin)
        turn.add_incoming(following, hand_over)
        b.position_at_end(on)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), generate


_PATIENCE = 1000
"""Pauses, some 40 us: longer than a piece takes."""
_UNROLLED = 4
_AHEAD = 4096
"""Bytes: the processor itself looks ahead to the end of a page of 4 KB and no further."""


def _intrinsic(body: Callable[[Builder, Sequence[Value]], None], arguments: int) -> Any:
    """What numba calls: four or eight integers in, nothing out."""
    signature = types.void(*[types.intp] * arguments)

    def generate(context: Any, builder: Builder, _: Any, args: Sequence[Value]) -> None:
        body(builder, args)

    # numba reads the parameters one by one: no *args.
    def of_four(typing: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        return signature, generate

    def of_eight(typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
        return signature, generate

    return intrinsic(of_four if arguments == 4 else of_eight)


def _known(b: Builder, name: str, kind: Any) -> Any:
    """A function of LLVM's own."""
    return cgutils.get_or_insert_function(b.module, kind, name)  # type: ignore[no-untyped-call]


class _Vectors:
    """Words for vectors of `lanes` 32-bit numbers."""

    def __init__(self, builder: Builder, lanes: int) -> None:
        self._b, self._lanes = builder, lanes
        self.integers_type = ir.VectorType(_I32, lanes)
        self.floats_type = ir.VectorType(_F32, lanes)
        self._bytes_type = ir.VectorType(_BYTE, lanes)
        self._quads_type = ir.VectorType(_BYTE, 4 * lanes)

    def number(self, value: int) -> Value:
        return ir.Constant(_I64, value)

    def integers(self, value: int) -> Value:
        return ir.Constant(self.integers_type, [value] * self._lanes)

    def zeros(self) -> Value:
        return ir.Constant(self.floats_type, [0.0] * self._lanes)

    def variable(self, value: Value) -> Value:
        """Memory in name only: LLVM keeps it in a register."""
        slot = cgutils.alloca_once(self._b, value.type)  # type: ignore[no-untyped-call]
        self._b.store(value, slot)
        return slot

    def _load(self, address: Value, kind: Any, align: int) -> Value:
        loaded = self._b.load(self._b.inttoptr(address, kind.as_pointer()))
        loaded.align = align
        return loaded

    def load_integers(self, address: Value) -> Value:
        return self._load(address, self.integers_type, 4)

    def load_floats(self, address: Value) -> Value:
        return self._load(address, self.floats_type, 4)

    def load_bytes(self, address: Value) -> Value:
        """Signed bytes as floats."""
        narrow = self._load(address, self._bytes_type, 1)
        return self._b.sitofp(self._b.sext(narrow, self.integers_type), self.floats_type)

    def fetch(self, address: Value) -> None:
        """Ask for what will be read once: it need not push anything else out of the caches."""
        kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(), _I32, _I32, _I32])
        prefetch = _known(self._b, "llvm.prefetch.p0", kind)
        reading, once, data = (ir.Constant(_I32, value) for value in (0, 0, 1))
        self._b.call(prefetch, [self._b.inttoptr(address, ir.PointerType()), reading, once, data])

    def store(self, value: Value, address: Value) -> None:
        self._b.store(value, self._b.inttoptr(address, value.type.as_pointer())).align = 4

    def _spread(self, scalar: Value, kind: Any) -> Value:
        nothing = ir.Constant(kind, ir.Undefined)
        first = self._b.insert_element(nothing, scalar, ir.Constant(_I32, 0))
        return self._b.shuffle_vector(first, nothing, self.integers(0))

    def spread_integer(self, address: Value) -> Value:
        return self._spread(self._load(address, _I32, 4), self.integers_type)

    def spread_float(self, address: Value) -> Value:
        return self._spread(self._load(address, _F32, 4), self.floats_type)

    def nibbles(self, packed: Value, which: int) -> Value:
        mask = self.integers(0x0F0F0F0F)
        shifted = packed if which == 0 else self._b.lshr(packed, self.integers(4))
        return self._b.and_(shifted, mask)

    def fused(self, x: Value, y: Value, z: Value) -> Value:
        name = f"llvm.fma.v{self._lanes}f32"
        kind = ir.FunctionType(self.floats_type, [self.floats_type] * 3)
        return self._b.call(_known(self._b, name, kind), [x, y, z])

    def byte_products(self, sums: Value, unsigned: Value, signed: Value) -> Value:
        """Each lane of `sums` and the four products of its bytes."""
        name = f"llvm.x86.avx512.vpdpbusd.{32 * self._lanes}"
        kind = ir.FunctionType(self.integers_type, [self.integers_type, self._quads_type, self._quads_type])
        dot = _known(self._b, name, kind)
        return self._b.call(dot, [sums, *(self._b.bitcast(x, self._quads_type) for x in (unsigned, signed))])
