"""The decoder and the adapter in playing: one token at a time.

The same arithmetic as `composer.model` and `composer.adapter`, which train. A token waits for weights more
than it computes, so the decoder's are read in 8 bits: by ONNX Runtime, on the caller's thread alone, so that
a session made before a process is forked works after it, on the same pages. The adapter is small, and numpy.

The ring of keys and values forgets the oldest token, so a token costs the same for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime

from composer import step_graph
from composer.config import AdapterConfig, ModelConfig

Array = npt.NDArray[np.float32]
Arrays = Mapping[str, Array]

_LEAK = 0.1
_UNHEARD = -1e9


@dataclass
class StepState:
    """Ring of keys (layers, rows, heads, head_width, window) and values (layers, rows, heads, window,
    head_width), and tokens seen so far."""

    keys: Array
    values: Array
    seen: int


class StepDecoder:
    """The decoder's weights, ready to step. Shared and read-only; the state is the caller's."""

    def __init__(self, weights: Arrays, config: ModelConfig, bits: int = 8) -> None:
        """`weights` as named by `composer.model.Decoder`; its matrices are kept in 8 `bits`, or all 32.

        Raises KeyError when one is missing, ValueError when one has another shape than `config` says.
        """
        if config.width % (2 * config.heads):
            raise ValueError(f"a width of {config.width} cannot be shared by {config.heads} heads, in pairs")
        for name, shape in _shapes(config).items():
            if weights[name].shape != shape:
                raise ValueError(f"{name} has the shape {weights[name].shape}, not {shape}")
        self.config = config
        self._token = weights["token.weight"]
        self._position = weights["position.weight"]
        self._style = [weights[f"style.{i}.weight"] for i in range(len(config.style_sizes))]
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            step_graph.serialized(weights, config, bits), options, providers=["CPUExecutionProvider"]
        )
        self._rates = 10_000.0 ** (-np.arange(0, config.head_width, 2) / config.head_width)

    def begin(self, rows: int) -> StepState:
        """An empty state for `rows` streams that share their tokens but not their residuals."""
        c = self.config
        keys = np.zeros((c.layers, rows, c.heads, c.head_width, c.window), np.float32)
        return StepState(keys, np.zeros((c.layers, rows, c.heads, c.window, c.head_width), np.float32), 0)

    def step(
        self,
        state: StepState,
        token: int,
        position: int,
        style: tuple[int, ...],
        residuals: Array | None = None,
    ) -> Array:
        """Feed one token to every row; logits (rows, V) for the next. `state` is updated in place.

        `residuals` holds γ_l · C for each shallow block and row, (shallow, rows, D); None is the bare base.
        """
        c = self.config
        rows = state.keys.shape[1]
        start = self._token[token] + self._position[position]
        for table, field in zip(self._style, style, strict=True):
            start = start + table[field]
        if residuals is None:
            residuals = np.zeros((c.shallow, rows, c.width), np.float32)
        elif residuals.shape != (c.shallow, rows, c.width):
            raise ValueError(f"residuals of the shape {residuals.shape} do not fit {rows} rows")
        # Reckoned in float64, so that a week of tokens stays exact.
        angles = state.seen * self._rates
        # Heard are the slots that are filled, but not the one that this token takes, and the token itself.
        slot = state.seen % c.window
        mask = np.full((1, 1, 1, c.window + 1), _UNHEARD, np.float32)
        mask[..., : state.seen] = 0.0
        mask[..., slot] = _UNHEARD
        mask[..., -1] = 0.0
        feeds = {
            "start": np.tile(start, (rows, 1, 1)),
            "cosine": np.cos(angles).astype(np.float32)[None],
            "sine": np.sin(angles).astype(np.float32)[None],
            "mask": mask,
        }
        for layer in range(c.shallow):
            feeds[f"residual_{layer}"] = residuals[layer, :, None]
        for layer in range(c.layers):
            feeds[f"keys_{layer}"], feeds[f"values_{layer}"] = state.keys[layer], state.values[layer]
        logits, *fresh = self._session.run(None, feeds)
        for layer, (key, value) in enumerate(zip(fresh[::2], fresh[1::2], strict=True)):
            state.keys[layer, ..., slot] = key.reshape(rows, c.heads, -1)
            state.values[layer, :, :, slot] = value.reshape(rows, c.heads, -1)
        state.seen += 1
        return np.asarray(logits[:, 0], np.float32)


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """By name, as `composer.model.Decoder` has them."""
    width = config.width
    shapes: dict[str, tuple[int, ...]] = {
        "token.weight": (config.vocabulary, width),
        "position.weight": (config.bar_steps, width),
        "norm.weight": (width,),
    }
    shapes |= {f"style.{i}.weight": (size, width) for i, size in enumerate(config.style_sizes)}
    for layer in range(config.layers):
        for name, shape in (
            ("norm_1", (width,)),
            ("qkv", (3 * width, width)),
            ("out", (width, width)),
            ("norm_2", (width,)),
            ("up", (4 * width, width)),
            ("down", (width, 4 * width)),
        ):
            shapes[f"blocks.{layer}.{name}.weight"] = shape
    return shapes


class StepAdapter:
    """The adapter's weights, ready to step."""

    def __init__(self, weights: Arrays, config: AdapterConfig) -> None:
        """`weights` as named by `composer.adapter.Adapter`. Raises KeyError when one is missing."""
        self.config = config
        self.lift, self.lift_bias = weights["lift.weight"], weights["lift.bias"]
        self.linear, self.linear_bias = weights["linear.weight"], weights["linear.bias"]
        self.gamma = weights["gamma"]
        # (out, taps * in), oldest tap first: one product for all taps.
        self.convolutions = [
            np.asfortranarray(
                weights[f"convolutions.{i}.weight"].transpose(0, 2, 1).reshape(config.width, -1)
            )
            for i in range(len(config.dilations))
        ]
        self.biases = [weights[f"convolutions.{i}.bias"] for i in range(len(config.dilations))]

    def begin(self) -> AdapterStream:
        return AdapterStream(self)


class AdapterStream:
    """The adapter fed one token at a time. Equal to `Adapter.forward` over the whole stream.

    Each convolution keeps what its dilation reaches back to. `past` is the affect that decides all of it, and
    is what a restored stream is fed with again.
    """

    def __init__(self, adapter: StepAdapter) -> None:
        self._adapter = adapter
        self._history: list[list[Array]] = [[] for _ in adapter.convolutions]
        self.past: list[tuple[float, float]] = []

    def replay(self, past: list[tuple[float, float]]) -> None:
        """Stand where a stream stood whose `past` this was."""
        self._history = [[] for _ in self._adapter.convolutions]
        self.past = []
        for valence, arousal in past:
            self.step(valence, arousal)

    def step(self, valence: float, arousal: float) -> Array:
        """γ_l · C for the next token, (shallow, D)."""
        adapter = self._adapter
        self.past = [*self.past, (valence, arousal)][-(adapter.config.reach + 1) :]
        x = adapter.lift @ np.array([valence, arousal], np.float32) + adapter.lift_bias
        for weight, bias, dilation, history in zip(
            adapter.convolutions, adapter.biases, adapter.config.dilations, self._history, strict=True
        ):
            span = (adapter.config.kernel - 1) * dilation
            if not history:
                history.extend([x] * span)  # the past before the first token is its own value held
            history.append(x)
            summed = weight @ np.concatenate(history[::dilation]) + bias
            del history[0]
            x = x + np.maximum(summed, _LEAK * summed)
        curve = adapter.linear @ x + adapter.linear_bias
        return np.asarray(adapter.gamma[:, None] * curve)
