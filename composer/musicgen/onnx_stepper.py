"""The processor's backend: one ONNX Runtime graph a step, caches in place, nothing copied but the logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from composer.musicgen.geometry import Geometry
from composer.musicgen.stepper import Array, Arrays, TextMemory, WeightedText, positions_table, text_memory


class OnnxStepper:
    """See `composer.musicgen.stepper.Stepper`."""

    def __init__(
        self,
        model: Path | bytes,
        host: Arrays,
        geometry: Geometry,
        rows: int,
        capacity: int,
        threads: int,
    ) -> None:
        """`model` is `onnx_graph.graph` for the same rows and capacity, in a file or serialized."""
        self.rows, self.capacity = rows, capacity
        self._geometry = g = geometry
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        # A thread that waits by spinning takes the core that the codec, or the game, would use meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self._host = host
        self._places = positions_table(capacity, g.width)
        self._binding = self._session.io_binding()
        shape = (rows, g.heads, capacity, g.head_width)
        eight = any(given.type == "tensor(int8)" for given in self._session.get_inputs())
        number = np.int8 if eight else np.float32
        self._caches = []
        for i in range(g.layers):
            for kind in ("keys", "values"):
                cache = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, number))
                self._caches.append(cache)
                self._binding.bind_ortvalue_input(f"{kind}_{i}", cache)
                self._binding.bind_ortvalue_output(f"new_{kind}_{i}", cache)
        # These stay where they are; each step writes into them.
        self._start = np.zeros((rows, 1, g.width), np.float32)
        self._positions = np.zeros(rows, np.int32)
        self._span = np.zeros(1, np.int32)
        self._residuals = np.zeros((g.shallow, g.width), np.float32)
        self._logits = np.zeros((rows, 1, g.codebooks * g.vocabulary), np.float32)
        self._bound = [
            self._bind(name, array)
            for name, array in (
                ("start", self._start),
                ("positions", self._positions),
                ("span", self._span),
                ("residuals", self._residuals),
            )
        ]
        out = onnxruntime.OrtValue.ortvalue_from_numpy(self._logits)
        self._binding.bind_ortvalue_output("logits", out)
        self._bound.append(out)
        self._texts: list[list[WeightedText]] = [[] for _ in range(rows)]
        self._text_bound: list[object] = []
        self._stale = True

    def caches(self) -> tuple[list[Array], list[Array]]:
        """Keys and values, per layer (rows, heads, capacity, head_width): the memory itself."""
        arrays = [cache.numpy() for cache in self._caches]
        return arrays[::2], arrays[1::2]

    def _bind(self, name: str, array: npt.NDArray[np.float32] | npt.NDArray[np.int32]) -> object:
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        assert np.shares_memory(value.numpy(), array)
        self._binding.bind_ortvalue_input(name, value)
        return value

    def remember(self, words: str, states: Array) -> TextMemory:
        return text_memory(words, states, self._host, self._geometry)

    def listen(self, row: int, texts: Sequence[WeightedText]) -> None:
        self._texts[row] = list(texts)
        self._stale = True

    def _gather_texts(self) -> None:
        g = self._geometry
        longest = max(1, *(sum(t.memory.keys.shape[2] for t in texts) for texts in self._texts))
        bias = np.zeros((self.rows, 1, 1, longest), np.float32)
        keys = np.zeros((g.layers, self.rows, g.heads, g.head_width, longest), np.float32)
        values = np.zeros((g.layers, self.rows, g.heads, longest, g.head_width), np.float32)
        for row, texts in enumerate(self._texts):
            if texts:
                bias[row] = -np.inf
            at = 0
            for memory, weight in texts:
                end = at + memory.keys.shape[2]
                keys[:, row, :, :, at:end] = memory.keys.transpose(0, 1, 3, 2)
                values[:, row, :, at:end] = memory.values
                bias[row, :, :, at:end] = np.log(weight)
                at = end
        self._text_bound = [self._bind("text_bias", bias)]
        for i in range(g.layers):
            self._text_bound.append(self._bind(f"text_keys_{i}", keys[i]))
            self._text_bound.append(self._bind(f"text_values_{i}", values[i]))
        self._stale = False

    def step(
        self, tokens: npt.NDArray[np.int64], positions: npt.NDArray[np.int64], residuals: Array | None
    ) -> Array:
        if self._stale:
            self._gather_texts()
        start = self._places[positions]
        for k, table in enumerate(self._host["embeddings"]):
            start = start + table[tokens[:, k]]
        self._start[:, 0] = start
        self._positions[:] = positions
        self._span[0] = positions.max() + 1
        if residuals is None:
            self._residuals[:] = 0.0
        else:
            self._residuals[:] = residuals
        self._session.run_with_iobinding(self._binding)
        return self._logits.reshape(self.rows, self._geometry.codebooks, self._geometry.vocabulary)
