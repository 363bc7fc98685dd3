"""The processor's backend: a step compiled for this machine, if it multiplies bytes (AVX-VNNI or AVX-512)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from composer.musicgen import stages, tiles, vectors
from composer.musicgen.geometry import Geometry
from composer.musicgen.quantize import BLOCK
from composer.musicgen.stepper import (
    Array,
    Arrays,
    TextMemory,
    WeightedText,
    host_weights,
    positions_table,
    text_memory,
)

_PREFIX = "model.decoder."
_NORMS = ("self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm")


class CompiledStepper:
    """See `composer.musicgen.stepper.Stepper`."""

    def __init__(
        self,
        decoder: Arrays,
        geometry: Geometry,
        rows: int,
        capacity: int,
        bits: int = 8,
        helper: ThreadPoolExecutor | None = None,
        lanes: int = 0,
    ) -> None:
        """`helper` is a thread that joins a step whenever it has nothing else to do; without one, none does.

        `lanes` is for tests: what is asked of the processor is what it says it has.
        Raises ValueError for a processor that does not multiply bytes, and for other than 8 or 4 bits.
        """
        self.rows, self.capacity = rows, capacity
        self._geometry = g = geometry
        self._helper = helper
        lanes = lanes or vectors.lanes()
        if not lanes:
            raise ValueError("This processor has no instruction for products of bytes (AVX-VNNI).")
        self._step = stages.step_of(lanes, rows, bits, g.head_width)
        self._load(decoder, bits, lanes)
        self._texts: list[list[WeightedText]] = [[] for _ in range(rows)]
        self._stale = True
        self._make_room(lanes)

    def _load(self, decoder: Arrays, bits: int, lanes: int) -> None:
        g = self._geometry
        packed = [tiles.packed(matrix, bits, lanes) for matrix in self._matrices(decoder)]
        self._weights = tiles.in_large_pages(sum(p.size for p in packed))
        self._places = np.zeros((len(packed), 3), np.int64)
        """Of each matrix: its first byte, tiles, blocks a tile."""
        at = 0
        for place, p in zip(self._places, packed, strict=True):
            self._weights[at : at + p.size] = p.reshape(-1)
            place[:] = at, p.shape[0], p.shape[1]
            at += p.size
        names = [f"layers.{i}.{name}" for i in range(g.layers) for name in _NORMS] + ["layer_norm"]
        self._norms = tuple(
            np.stack([decoder[f"{_PREFIX}{name}.{part}"] for name in names]).astype(np.float32)
            for part in ("weight", "bias")
        )
        self._host = host_weights(decoder, g)
        self._position_table = positions_table(self.capacity, g.width)

    def _make_room(self, lanes: int) -> None:
        """All that a step reads and writes beside the weights."""
        g, rows = self._geometry, self.rows

        def floats(*shape: int) -> Array:
            return np.zeros(shape, np.float32)

        def whole(size: int, of: int) -> int:
            return -(-size // of) * of

        kept, heads, length = (
            whole(g.head_width, lanes),
            (g.layers, rows, g.heads),
            whole(self.capacity, lanes),
        )
        self._cache = (
            np.zeros((*heads, length // lanes, kept // 4, lanes, 4), np.uint8),
            floats(*heads, length),
            np.zeros((*heads, length, kept), np.int8),
            floats(*heads, length),
        )
        """Keys, `lanes` positions side by side, and values; after each, the steps of its positions' bits."""
        count = g.layers * stages.STAGES_A_LAYER + stages.STAGES_AFTER
        self._counters = np.zeros((count, stages.COUNTS_A_STAGE), np.int64)
        self._x = floats(rows, g.width)
        self._positions = np.zeros(rows, np.int64)
        self._residuals = floats(g.layers + 1, g.width)
        """What is added before each layer, and before the last norm."""
        pieces = rows * g.heads
        self._queries = np.zeros((pieces, 2, kept), np.int8)
        self._shares, self._blended, self._normed = (
            floats(pieces, length),
            floats(pieces, kept),
            floats(rows, g.width),
        )
        self._codes = tuple(
            (
                np.zeros((rows, size), np.int8),
                floats(rows, size // BLOCK),
                np.zeros((rows, size // BLOCK), np.int32),
            )
            for size in (whole(g.width, BLOCK), whole(g.feed_forward, BLOCK))
        )
        """The next product's input, of the stream's width and of the feed-forward's: codes, scales, sums."""
        self._found = tuple(
            floats(rows, whole(size, lanes)) for size in (g.width, 3 * g.width, g.width, g.feed_forward)
        )
        """What products leave: for the stream; queries, keys, values; queries to the text; feed-forward."""
        self._logits = floats(rows, whole(g.codebooks * g.vocabulary, lanes))

    def _matrices(self, decoder: Arrays) -> list[Array]:
        """In the order in which they are read."""
        g = self._geometry
        found = []
        for i in range(g.layers):

            def matrix(name: str, layer: int = i) -> Array:
                return decoder[f"{_PREFIX}layers.{layer}.{name}.weight"]

            found.append(np.concatenate([matrix(f"self_attn.{part}_proj") for part in "qkv"]))
            found.append(matrix("self_attn.out_proj"))
            found += [matrix(f"encoder_attn.{part}_proj") for part in ("q", "out")]
            found += [matrix("fc1"), matrix("fc2")]
        found.append(np.concatenate([decoder[f"lm_heads.{k}.weight"] for k in range(g.codebooks)]))
        return found

    def remember(self, words: str, states: Array) -> TextMemory:
        return text_memory(words, states, self._host, self._geometry)

    def listen(self, row: int, texts: Sequence[WeightedText]) -> None:
        self._texts[row] = list(texts)
        self._stale = True

    def _gather_texts(self) -> None:
        g = self._geometry
        lengths = np.array([sum(t.memory.keys.shape[2] for t in texts) for texts in self._texts], np.int64)
        shape = (g.layers, self.rows, g.heads, max(1, int(lengths.max())), g.head_width)
        keys, values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        bias = np.zeros((self.rows, shape[3]), np.float32)
        for row, texts in enumerate(self._texts):
            at = 0
            for memory, weight in texts:
                end = at + memory.keys.shape[2]
                keys[:, row, :, at:end], values[:, row, :, at:end] = memory.keys, memory.values
                bias[row, at:end] = np.log(weight)
                at = end
        self._text_arrays = keys, values, bias, lengths
        if shape[3] > self._shares.shape[1]:
            self._shares = np.zeros((len(self._shares), shape[3]), np.float32)
        self._stale = False

    def step(
        self, tokens: npt.NDArray[np.int64], positions: npt.NDArray[np.int64], residuals: Array | None
    ) -> Array:
        if self._stale:
            self._gather_texts()
        g = self._geometry
        self._x[:] = self._position_table[positions]
        for k, table in enumerate(self._host["embeddings"]):
            self._x += table[tokens[:, k]]
        self._positions[:] = positions
        self._residuals[1 : g.shallow + 1] = 0.0 if residuals is None else residuals
        self._found[0][:] = 0.0
        self._counters[:] = 0
        # Behind a frame of the codec it comes late and passes what is done; or too late, and is not missed.
        joined = self._helper.submit(self._run) if self._helper is not None else None
        self._run()
        if joined is not None and not joined.cancel():
            joined.result()
        size = g.codebooks * g.vocabulary
        return self._logits[:, :size].reshape(self.rows, g.codebooks, g.vocabulary)

    def _run(self) -> None:
        self._step(
            self._counters.ctypes.data,
            self._weights.ctypes.data,
            self._places,
            self._norms,
            self._x,
            self._positions,
            self._residuals,
            self._cache,
            self._text_arrays,
            (self._queries, self._shares, self._blended, self._normed),
            self._codes,
            self._found,
            self._logits,
        )
