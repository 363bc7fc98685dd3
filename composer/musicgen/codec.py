"""EnCodec's decoder as a stream: frame in, 640 samples out, the same samples as decoding the whole.

The 32 kHz EnCodec looks ahead: each of its convolutions is centred. Played as a stream, every one of them
keeps the few inputs its kernel still needs and answers as soon as it can, so nothing is computed twice. The
delays add up to 3.75 frames: the output of frame f is complete when frame f + 4 is known.

Within, time comes first: (n, C). A frame at a time there is little to compute and 110 MB of weights to read,
so every layer is a `Product`, where the libraries' convolutions lay their weights out again at each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from composer.errors import WeightsError
from composer.musicgen.product import Product

LOOK_AHEAD_FRAMES = 4

Stage = Callable[[Tensor], Tensor]


def _inside(module: Any) -> Any:
    """torch's own convolution: transformers wraps it once, audiocraft twice."""
    while not isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
        module = module.conv if hasattr(module, "conv") else module.convtr
    return module


class _Convolution:
    """A centred convolution of stride 1. Its first inputs are reflected to the left, as in the whole."""

    def __init__(self, module: Any) -> None:
        convolution = _inside(module)
        weight = convolution.weight.detach()  # (out, in, taps)
        self.product, self.bias = Product(weight.flatten(1).T), convolution.bias.detach().clone()
        self.dilation, self.taps = int(convolution.dilation[0]), weight.shape[2]
        self.reach = (self.taps - 1) * self.dilation
        self.left = self.reach - self.reach // 2
        self.reflects = module.pad_mode == "reflect"
        self.held: Tensor | None = None
        """The last inputs, at most `reach` of them, (n, C)."""
        self.begun = self.reach == 0

    def __call__(self, x: Tensor) -> Tensor:
        if self.reach == 0:
            return self.product(x).add_(self.bias)
        if self.held is not None:
            x = torch.cat([self.held, x])
        if not self.begun:
            if len(x) <= self.left:
                self.held = x
                return x.new_zeros(0, len(self.bias))
            padding = x[1 : self.left + 1].flip(0) if self.reflects else x.new_zeros(self.left, x.shape[1])
            x = torch.cat([padding, x])
            self.begun = True
        self.held = x[max(0, len(x) - self.reach) :].clone()
        if len(x) <= self.reach:
            return x.new_zeros(0, len(self.bias))
        seen = x.unfold(0, self.reach + 1, 1)[:, :, :: self.dilation]  # (n, C, taps)
        return self.product(seen.reshape(len(seen), -1)).add_(self.bias)

    def save(self) -> dict[str, Tensor]:
        kept = {"begun": torch.tensor(self.begun)}
        return kept | ({"held": self.held} if self.held is not None else {})

    def load(self, kept: dict[str, Tensor]) -> None:
        self.begun, self.held = bool(kept["begun"]), kept.get("held")


class _Upsampling:
    """A transposed convolution whose kernel is twice its stride: one input's end meets the next's start."""

    def __init__(self, module: Any) -> None:
        convolution = _inside(module)
        weight = convolution.weight.detach()  # (in, out, kernel)
        self.stride = int(convolution.stride[0])
        if weight.shape[2] != 2 * self.stride:
            raise WeightsError("This EnCodec upsamples in a way we do not know.")
        self.product = Product(weight.transpose(1, 2).flatten(1))  # (in, kernel * out)
        self.bias = convolution.bias.detach().clone()
        self.trim = self.stride - self.stride // 2
        self.tail: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) == 0:
            return x.new_zeros(0, len(self.bias))
        halves = self.product(x).view(len(x), 2, self.stride, -1)
        y = halves[:, 0].clone()  # (n, stride, out)
        y[1:] += halves[:-1, 1]
        first = self.tail is None
        if self.tail is not None:
            y[0] += self.tail
        self.tail = halves[-1, 1].clone()
        sound = y.flatten(0, 1).add_(self.bias)
        return sound[self.trim :] if first else sound

    def save(self) -> dict[str, Tensor]:
        return {"tail": self.tail} if self.tail is not None else {}

    def load(self, kept: dict[str, Tensor]) -> None:
        self.tail = kept.get("tail")


class _Recurrence:
    """The LSTM, which runs forward, around itself."""

    def __init__(self, module: Any) -> None:
        lstm: nn.LSTM = module.lstm
        self.layers = []
        for layer in range(lstm.num_layers):
            inputs, hidden, bias_i, bias_h = (
                getattr(lstm, f"{name}_l{layer}").detach()
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            self.layers.append((Product(inputs.T), Product(hidden.T), bias_i + bias_h))
        self.hidden = torch.zeros(lstm.num_layers, lstm.hidden_size)
        self.cell = torch.zeros_like(self.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        y = x
        for layer, (inputs, hidden, bias) in enumerate(self.layers):
            driven = inputs(y).add_(bias)  # (n, 4 H)
            h, c = self.hidden[layer : layer + 1], self.cell[layer : layer + 1]
            out = []
            for step in range(len(x)):
                i, f, g, o = (driven[step] + hidden(h)).chunk(4, dim=1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                out.append(h)
            self.hidden[layer], self.cell[layer] = h[0], c[0]
            y = torch.cat(out) if out else y
        return x + y if len(x) else x

    def save(self) -> dict[str, Tensor]:
        return {"hidden": self.hidden.clone(), "cell": self.cell.clone()}

    def load(self, kept: dict[str, Tensor]) -> None:
        self.hidden, self.cell = kept["hidden"].clone(), kept["cell"].clone()


class _Residual:
    """A residual block: the way round waits for the way through."""

    def __init__(self, module: Any) -> None:
        self.stages: list[_Convolution | None] = [
            None if isinstance(part, nn.ELU) else _Convolution(part) for part in module.block
        ]
        self.shortcut = None if isinstance(module.shortcut, nn.Identity) else _Convolution(module.shortcut)
        self.waiting: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        y = x
        for stage in self.stages:
            y = F.elu(y) if stage is None else stage(y)
        if self.shortcut is not None:
            x = self.shortcut(x)
        if self.waiting is not None:
            x = torch.cat([self.waiting, x])
        ready, self.waiting = x[: len(y)], x[len(y) :].clone()
        return y + ready

    def save(self) -> dict[str, Tensor]:
        kept = {"waiting": self.waiting} if self.waiting is not None else {}
        for index, stage in enumerate(self.stages):
            if stage is not None:
                kept |= {f"{index}.{name}": value for name, value in stage.save().items()}
        return kept

    def load(self, kept: dict[str, Tensor]) -> None:
        self.waiting = kept.get("waiting")
        for index, stage in enumerate(self.stages):
            if stage is not None:
                stage.load(_under(f"{index}.", kept))


_Kept = _Convolution | _Upsampling | _Recurrence | _Residual


_KINDS: dict[str, Callable[[Any], _Kept]] = {
    "EncodecConv1d": _Convolution,
    "EncodecConvTranspose1d": _Upsampling,
    "EncodecLSTM": _Recurrence,
    "EncodecResnetBlock": _Residual,
    "StreamableConv1d": _Convolution,
    "StreamableConvTranspose1d": _Upsampling,
    "StreamableLSTM": _Recurrence,
    "SEANetResnetBlock": _Residual,
}
"""transformers' names, then audiocraft's."""


class CodecStream:
    """One stream through the decoder of an `EncodecModel`, transformers' or audiocraft's; read, not kept.

    Raises WeightsError for an EnCodec that is built otherwise (causal, stereo, another rate or norm).
    """

    def __init__(self, model: Any) -> None:
        tables, layers = _of_transformers(model) if hasattr(model, "config") else _of_audiocraft(model)
        self._tables = torch.stack([table.detach() for table in tables])
        self._stages: list[_Kept | None] = []
        for layer in layers:
            if isinstance(layer, nn.ELU):
                self._stages.append(None)
            elif (kind := _KINDS.get(type(layer).__name__)) is not None:
                self._stages.append(kind(layer))
            else:
                raise WeightsError(f"This EnCodec has a layer we do not know: {type(layer).__name__}.")

        self._fresh = self.save()

    def begin(self) -> None:
        """Forget the stream: the next frame is a first one."""
        self.load(self._fresh)

    @torch.inference_mode()
    def push(self, codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Codes (frames, K) in; samples at 32 kHz that are now decided, (n,): 640 a frame once running."""
        index = torch.from_numpy(codes.T.copy())  # (K, frames)
        x = torch.stack([table[row] for table, row in zip(self._tables, index, strict=True)]).sum(dim=0)
        for stage in self._stages:
            x = F.elu(x) if stage is None else stage(x)
        return np.asarray(x[:, 0].numpy(), dtype=np.float32)

    def save(self) -> dict[str, npt.NDArray[Any]]:
        """All that is held back, for `load`."""
        return {
            f"{index}.{name}": np.ascontiguousarray(value.numpy())
            for index, stage in enumerate(self._stages)
            if stage is not None
            for name, value in stage.save().items()
        }

    def load(self, kept: dict[str, npt.NDArray[Any]]) -> None:
        """Go on exactly from a `save`."""
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in kept.items()}
        for index, stage in enumerate(self._stages):
            if stage is not None:
                stage.load(_under(f"{index}.", tensors))


def _under(prefix: str, kept: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in kept.items() if name.startswith(prefix)}


def _of_transformers(model: Any) -> tuple[list[Tensor], list[Any]]:
    """Codebooks and decoder layers."""
    config = model.config
    if config.norm_type != "weight_norm":
        raise WeightsError("This EnCodec is not the one that MusicGen was trained with.")
    _check(config.use_causal_conv, config.audio_channels, config.sampling_rate, config.hop_length)
    return [layer.codebook.embed for layer in model.quantizer.layers], list(model.decoder.layers)


def _of_audiocraft(model: Any) -> tuple[list[Tensor], list[Any]]:
    hop = int(model.sample_rate / model.frame_rate)
    _check(model.causal, model.channels, model.sample_rate, hop)
    books = [layer._codebook.embed for layer in model.quantizer.vq.layers]
    with torch.no_grad():
        # Its weight norm is of torch's old kind: weights are as they should be once they have been used.
        model.decoder(torch.zeros(1, books[0].shape[1], 16))
    return books, list(model.decoder.model)


def _check(causal: bool, channels: int, rate: int, hop: int) -> None:
    if causal or channels != 1:
        raise WeightsError("This EnCodec is not the mono 32 kHz one that MusicGen was trained with.")
    if (rate, hop) != (32_000, 640):
        raise WeightsError("MusicGen's EnCodec has 32 kHz and 640 samples a frame: this one has not.")
