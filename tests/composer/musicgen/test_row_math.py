"""What numba compiles, against numpy in 64 bits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from composer.musicgen import row_math, tiles, vectors

RNG = np.random.default_rng(0)


def row(length: int = 300, scale: float = 3.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (scale * RNG.standard_normal(length)).astype(np.float32)


def test_gelu_is_the_normal_integral() -> None:
    x = np.concatenate([row(), np.array([0.0, -20.0, 20.0], np.float32)])
    found = x.copy()
    row_math.bend(found)
    wanted = [0.5 * v * (1.0 + math.erf(v / math.sqrt(2.0))) for v in x.astype(float)]
    assert np.abs(found - wanted).max() < 5e-6


def test_shares_are_a_softmax_of_the_first_few() -> None:
    scores = row(scale=20.0) - 50.0
    kept = scores.copy()
    row_math.soften(scores, 200)
    odds = np.exp(kept[:200].astype(float) - kept[:200].max())
    assert np.abs(scores[:200] - odds / odds.sum()).max() < 1e-6
    assert np.array_equal(scores[200:], kept[200:])


def test_one_share_is_all() -> None:
    scores = np.array([-1e30, 5.0], np.float32)
    row_math.soften(scores, 1)
    assert scores.tolist() == [1.0, 5.0]


def test_a_row_in_8_bits_is_within_half_a_step() -> None:
    x, codes = row(), np.zeros(300, np.int8)
    step = row_math.keep(x, codes)
    assert np.abs(codes * step - x).max() <= 0.5001 * step
    assert np.abs(codes).max() == 127
    row_math.keep(np.zeros(300, np.float32), codes)
    assert not codes.any()


def test_blocks_have_their_own_scale_and_sum() -> None:
    x = row(300)
    x[256:] *= 0.001
    codes, scales, sums = np.zeros(512, np.int8), np.zeros(2, np.float32), np.zeros(2, np.int32)
    row_math.quantize(x, codes, scales, sums)
    back = codes.reshape(2, 256) * scales[:, None]
    assert np.all(np.abs(back - np.pad(x, (0, 212)).reshape(2, 256)) <= 0.5001 * scales[:, None])
    assert scales[1] < 0.01 * scales[0]
    assert np.array_equal(sums, codes.reshape(2, 256).sum(axis=1))


def test_the_norm_is_layer_normalization() -> None:
    x, gain, shift, out = row(), row(), row(), row()
    row_math.norm(x, gain, shift, out)
    wide = x.astype(float)
    wanted = (wide - wide.mean()) / np.sqrt(wide.var() + 1e-5) * gain + shift
    assert np.abs(out - wanted).max() < 1e-4


@pytest.mark.skipif(not vectors.lanes(), reason="this processor does not multiply bytes (AVX-VNNI)")
@pytest.mark.parametrize("lanes", [8, 16])
@pytest.mark.parametrize("bits", [8, 4])
def test_a_product_of_bytes_is_exact(lanes: int, bits: int) -> None:
    """Against the same codes multiplied out in 64 bits; 44 outputs, 300 inputs: no whole tiles or blocks."""
    if lanes > vectors.lanes():
        pytest.skip("this processor's vectors are shorter")
    product, rows = vectors.product_of(lanes, 2, bits), 2
    weight = RNG.standard_normal((44, 300)).astype(np.float32)
    packed = tiles.packed(weight, bits, lanes)
    count, blocks, record = packed.shape
    codes = np.zeros((rows, blocks * 256), np.int8)
    codes[:, :300] = RNG.integers(-127, 128, (rows, 300))
    scales = RNG.random((rows, blocks), np.float32)
    sums = codes.reshape(rows, blocks, 256).sum(axis=2, dtype=np.int32)
    out = np.zeros((rows, count * lanes), np.float32)

    @row_math.compiled
    def run(weights: int, x: int, by: int, total: int, to: int) -> None:
        for tile in range(count):
            place = weights + tile * blocks * record
            product(place, x, by, total, to + 4 * lanes * tile, blocks, blocks * 256, count * lanes)

    run(*(array.ctypes.data for array in (packed, codes, scales, sums, out)))
    scaled = codes.reshape(rows, blocks, 256) * scales[:, :, None].astype(float)
    wanted = scaled.reshape(rows, -1)[:, :300] @ unpacked(packed, bits, lanes)[:44, :300].T
    assert np.abs(out[:, :44] - wanted).max() < 1e-4 * np.abs(wanted).max()
    assert not out[:, 44:].any()


def unpacked(
    packed: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], bits: int, lanes: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(outputs, inputs) as the tiles mean it."""
    count, blocks, _ = packed.shape
    scales = np.ascontiguousarray(packed[:, :, -4 * lanes :]).view(np.float32).astype(float)
    codes = packed[:, :, : -4 * lanes].reshape(count, blocks, -1, lanes, 4)
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=3).reshape(count, blocks, -1, lanes, 4)
    real = (codes.astype(float) - (1 << (bits - 1))) * scales[:, :, None, :, None]
    return np.asarray(real.transpose(0, 3, 1, 2, 4).reshape(count * lanes, -1))
