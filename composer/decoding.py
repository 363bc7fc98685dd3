"""The decoder and the adapter in playing: one token at a time, in numpy.

The same arithmetic as `composer.model` and `composer.adapter`, which train; the tests hold them equal. At
this size a token costs matrix-vector products and little else, and numpy's are faster here than torch's,
without the 200 MB and the seconds that loading torch takes in every composer process.

The ring of keys and values forgets the oldest token, so a token costs the same for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from composer.config import AdapterConfig, ModelConfig

Array = npt.NDArray[np.float32]
Arrays = Mapping[str, Array]

_NORM_EPSILON = 1e-5
_LEAK = 0.1


@dataclass
class StepState:
    """Ring of keys and values, each (layers, rows, heads, window, head_width), and tokens seen so far."""

    keys: Array
    values: Array
    seen: int


@dataclass(frozen=True)
class _Block:
    norm_1: Array
    qkv: Array
    out: Array
    norm_2: Array
    up: Array
    down: Array


class StepDecoder:
    """The decoder's weights, ready to step. Shared and read-only; the state is the caller's."""

    def __init__(self, weights: Arrays, config: ModelConfig) -> None:
        """`weights` as named by `composer.model.Decoder`. Raises KeyError when one is missing."""
        self.config = config
        self._token = weights["token.weight"]
        # By columns: a product then walks through memory once, in order, and waits for it a third less.
        self._logits = np.asfortranarray(self._token)
        self._position = weights["position.weight"]
        self._style = [weights[f"style.{i}.weight"] for i in range(len(config.style_sizes))]
        self._norm = weights["norm.weight"]
        self._blocks = [
            _Block(
                *(np.asfortranarray(weights[f"blocks.{i}.{field.name}.weight"]) for field in fields(_Block))
            )
            for i in range(config.layers)
        ]
        self._rates = 10_000.0 ** (-np.arange(0, config.head_width, 2) / config.head_width)

    def begin(self, rows: int) -> StepState:
        """An empty state for `rows` streams that share their tokens but not their residuals."""
        c = self.config
        shape = (c.layers, rows, c.heads, c.window, c.head_width)
        return StepState(np.zeros(shape, np.float32), np.zeros(shape, np.float32), 0)

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
        slot = state.seen % c.window
        filled = min(state.seen + 1, c.window)
        # Reckoned in float64, so that a week of tokens stays exact.
        turn = np.exp(1j * (state.seen * self._rates)).astype(np.complex64)
        start = self._token[token] + self._position[position]
        for table, field in zip(self._style, style, strict=True):
            start = start + table[field]
        h = np.tile(start, (rows, 1))
        query_scale = np.float32(c.head_width**-0.5)
        for layer, block in enumerate(self._blocks):
            keys, values = state.keys[layer], state.values[layer]
            qkv = _rows(block.qkv, _normed(h, block.norm_1)).reshape(rows, 3, c.heads, c.head_width)
            turned = (qkv.view(np.complex64)[:, :2] * turn).view(np.float32)
            keys[:, :, slot] = turned[:, 1]
            values[:, :, slot] = qkv[:, 2]
            scores = np.matmul(keys[:, :, :filled], turned[:, 0, :, :, None])[..., 0]
            scores *= query_scale
            heard = np.matmul(_softmax(scores)[:, :, None], values[:, :, :filled])
            h += _rows(block.out, heard.reshape(rows, c.width))
            h += _rows(block.down, _gelu(_rows(block.up, _normed(h, block.norm_2))))
            if residuals is not None and layer < len(residuals):
                h += residuals[layer]
        state.seen += 1
        return _rows(self._logits, _normed(h, self._norm))


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


# What follows is done in place where it can be: at this size an array more costs as much as the sum in it.


def _rows(weight: Array, x: Array) -> Array:
    """weight · x for each row of x: a few matrix-vector products beat one thin matrix product here."""
    out = np.empty((len(x), len(weight)), np.float32)
    for row, into in zip(x, out, strict=True):
        np.dot(weight, row, out=into)
    return out


def _normed(h: Array, weight: Array) -> Array:
    width = h.shape[-1]
    out = h - np.add.reduce(h, axis=-1, keepdims=True) / width
    power = np.add.reduce(out * out, axis=-1, keepdims=True) / width
    power += _NORM_EPSILON
    out /= np.sqrt(power, out=power)
    out *= weight
    return np.asarray(out)


def _softmax(scores: Array) -> Array:
    """Of `scores`, in their place."""
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, axis=-1, keepdims=True)
    return scores


_ERF = tuple(np.float32(a) for a in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))


def _gelu(x: Array) -> Array:
    """x Φ(x), with erf by Abramowitz & Stegun 7.1.26: within 1.5e-7, which is float32's own rounding."""
    z = np.abs(x)
    z *= np.float32(0.7071067811865476)
    t = z * np.float32(0.3275911)
    t += 1.0
    np.divide(1.0, t, out=t)
    erf = t * _ERF[0]
    for factor in _ERF[1:]:
        erf += factor
        erf *= t
    np.multiply(z, z, out=z)
    np.negative(z, out=z)
    erf *= np.exp(z, out=z)
    np.subtract(1.0, erf, out=erf)
    erf *= np.sign(x)
    erf += 1.0
    np.multiply(x, 0.5, out=t)
    erf *= t
    return erf
