"""One decoding step in machine code: every weight read once, for all rows, by one thread or two.

The step is a row of stages, and a stage a number of pieces that may be done in any order. A thread takes the
next piece nobody has taken, and goes on to the next stage when all of this one's are done. So a second thread
may join late, or not at all: it only changes how long a step takes, never what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from composer.musicgen import vectors
from composer.musicgen.row_math import bend, compiled, keep, norm, quantize, soften, sum_of

STAGES_A_LAYER = 14
STAGES_AFTER = 2
"""The last norm, and the heads."""
PLACES_A_LAYER = 6
QKV, OUT, TEXT_Q, TEXT_OUT, UP, DOWN = range(PLACES_A_LAYER)
"""Matrices of a layer in the order they are read; the heads come after the last layer's."""
COUNTS_A_STAGE = 16
"""int64, of which two are used: pieces taken and pieces done, each in a cache line of its own."""
_TAKEN, _DONE = 0, 8 * 8
_CHUNK_BYTES = 1 << 18
"""A piece of a product: some ten microseconds."""


@cache
def step_of(lanes: int, rows: int, bits: int, head_width: int) -> Callable[..., None]:
    """The step for so many rows, compiled at its first call, which takes some seconds.

    It is given memory that stays where it is; `composer.musicgen.compiled_stepper` names and sizes it.
    """
    tiles_a_head = -(-head_width // lanes)
    width_kept = tiles_a_head * lanes
    record = vectors.record_bytes(lanes, bits)
    tile = vectors.product_of(lanes, rows, bits)
    score = vectors.scores_of(lanes)
    blend = vectors.blend_of(lanes, tiles_a_head)
    take: Any = vectors.take
    wait: Any = vectors.wait
    root = np.float32(head_width**-0.5)

    @compiled
    def product(counter: Any, weights: Any, place: Any, inputs: Any, out: Any, bent: bool) -> None:
        """A stage: `inputs` times the matrix at `place`, in chunks of tiles; bent by gelu if asked."""
        codes, scales, sums = inputs
        given = codes.ctypes.data, scales.ctypes.data, sums.ctypes.data
        results = out.ctypes.data
        first, tiles, blocks = place
        size = blocks * record
        chunk = max(1, _CHUNK_BYTES // size)
        pieces = (tiles + chunk - 1) // chunk
        while True:
            piece = take(counter + _TAKEN)
            if piece >= pieces:
                break
            last = min((piece + 1) * chunk, tiles)
            for t in range(piece * chunk, last):
                to = results + 4 * lanes * t
                tile(weights + first + t * size, *given, to, blocks, codes.shape[1], out.shape[1])
            if bent:
                for row in range(rows):
                    bend(out[row, piece * chunk * lanes : last * lanes])
            take(counter + _DONE)
        wait(counter + _DONE, pieces)

    @compiled
    def enter(
        counter: Any, x: Any, added: Any, residual: Any, gain: Any, shift: Any, normed: Any, to: Any
    ) -> None:
        """A stage: the stream takes what was found; its norm is the next product's input. A piece a row."""
        codes, scales, sums = to
        while True:
            row = take(counter + _TAKEN)
            if row >= rows:
                break
            for i in range(x.shape[1]):
                x[row, i] += added[row, i] + residual[i]
            norm(x[row], gain, shift, normed[row])
            quantize(normed[row], codes[row], scales[row], sums[row])
            take(counter + _DONE)
        wait(counter + _DONE, rows)

    @compiled
    def ready(counter: Any, x: Any, to: Any) -> None:
        """A stage: x as the next product's input. A piece a row."""
        codes, scales, sums = to
        while True:
            row = take(counter + _TAKEN)
            if row >= rows:
                break
            quantize(x[row], codes[row], scales[row], sums[row])
            take(counter + _DONE)
        wait(counter + _DONE, rows)

    @compiled
    def attend(
        counter: Any, layer: int, qkv: Any, positions: Any, cache: Any, scratch: Any, heard: Any
    ) -> None:
        """A stage: self-attention; the new key and value go into the cache first. A piece a row and head."""
        keys, key_steps, values, value_steps = cache
        queries, odds, blends = scratch
        heads = keys.shape[2]
        width = heads * head_width
        while True:
            piece = take(counter + _TAKEN)
            if piece >= rows * heads:
                break
            row, head = piece // heads, piece % heads
            at = positions[row]
            query, fresh, shares, blended = queries[piece, 0], queries[piece, 1], odds[piece], blends[piece]
            key, value = keys[layer, row, head], values[layer, row, head]
            key_step, value_step = key_steps[layer, row, head], value_steps[layer, row, head]
            first = head * head_width
            # A query in 8 bits, and keys with 128 added: the sum of its codes, so often, is too much.
            softness = keep(qkv[row, first : first + head_width], query[:head_width]) * root
            excess = np.float32(128 * sum_of(query[:head_width]))
            key_step[at] = keep(qkv[row, width + first : width + first + head_width], fresh)
            for i in range(head_width):
                key[at // lanes, i // 4, at % lanes, i % 4] = np.int32(fresh[i]) + 128
            value_step[at] = keep(qkv[row, 2 * width + first : 2 * width + first + head_width], value[at])
            of_group, asked, answers = key.ctypes.data, query.ctypes.data, shares.ctypes.data
            for group in range(at // lanes + 1):
                score(
                    of_group + group * width_kept * lanes, asked, answers + 4 * lanes * group, width_kept // 4
                )
            for i in range(at + 1):
                shares[i] = (shares[i] - excess) * key_step[i] * softness
            soften(shares, at + 1)
            for i in range(at + 1):
                shares[i] *= value_step[i]
            blend(value.ctypes.data, shares.ctypes.data, blended.ctypes.data, at + 1)
            for i in range(head_width):
                heard[row, first + i] = blended[i]
            take(counter + _DONE)
        wait(counter + _DONE, rows * heads)

    @compiled
    def listen(counter: Any, layer: int, asked: Any, texts: Any, scratch: Any, told: Any) -> None:
        """A stage: cross-attention. `texts`: keys and values (layers, rows, heads, S, d), biases, lengths."""
        keys, values, bias, lengths = texts
        heads = keys.shape[2]
        while True:
            piece = take(counter + _TAKEN)
            if piece >= rows * heads:
                break
            row, head = piece // heads, piece % heads
            shares = scratch[piece]
            key, value = keys[layer, row, head], values[layer, row, head]
            first = head * head_width
            query, found = asked[row, first : first + head_width], told[row, first : first + head_width]
            for i in range(head_width):
                found[i] = np.float32(0.0)
            # No text at all is zero wherever one looks, as the model was trained.
            if lengths[row] > 0:
                for word in range(lengths[row]):
                    total = np.float32(0.0)
                    for i in range(head_width):
                        total += query[i] * key[word, i]
                    shares[word] = total * root + bias[row, word]
                soften(shares, lengths[row])
                for word in range(lengths[row]):
                    for i in range(head_width):
                        found[i] += shares[word] * value[word, i]
            take(counter + _DONE)
        wait(counter + _DONE, rows * heads)

    @compiled
    def step(
        stage: Any,
        weights: Any,
        places: Any,
        norms: Any,
        x: Any,
        positions: Any,
        residuals: Any,
        cache: Any,
        texts: Any,
        scratch: Any,
        codes: Any,
        found: Any,
        logits: Any,
    ) -> None:
        """`x` (rows, width) in, `logits` (rows, K V) out; at the address `stage`, counters, all zero."""
        middle, big, asked, risen = found
        queries, shares, blended, normed = scratch
        gains, shifts = norms
        narrow, wide = codes
        none = residuals[0]
        attention = queries, shares, blended
        size = COUNTS_A_STAGE * 8
        layers = len(residuals) - 1
        for layer in range(layers):
            p, n = layer * PLACES_A_LAYER, layer * 3
            enter(stage, x, middle, residuals[layer], gains[n], shifts[n], normed, narrow)
            product(stage + size, weights, places[p + QKV], narrow, big, False)
            attend(stage + 2 * size, layer, big, positions, cache, attention, normed)
            ready(stage + 3 * size, normed, narrow)
            product(stage + 4 * size, weights, places[p + OUT], narrow, middle, False)
            enter(stage + 5 * size, x, middle, none, gains[n + 1], shifts[n + 1], normed, narrow)
            product(stage + 6 * size, weights, places[p + TEXT_Q], narrow, asked, False)
            listen(stage + 7 * size, layer, asked, texts, shares, normed)
            ready(stage + 8 * size, normed, narrow)
            product(stage + 9 * size, weights, places[p + TEXT_OUT], narrow, middle, False)
            enter(stage + 10 * size, x, middle, none, gains[n + 2], shifts[n + 2], normed, narrow)
            product(stage + 11 * size, weights, places[p + UP], narrow, risen, True)
            ready(stage + 12 * size, risen, wide)
            product(stage + 13 * size, weights, places[p + DOWN], wide, middle, False)
            stage += STAGES_A_LAYER * size
        enter(stage, x, middle, residuals[layers], gains[3 * layers], shifts[3 * layers], normed, narrow)
        product(stage + size, weights, places[layers * PLACES_A_LAYER], narrow, logits, False)

    return step
